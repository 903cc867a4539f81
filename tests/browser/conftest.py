"""One coordinator and one browser for all tests of the pages; each test has its own projects and its own tab."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from tests.browser.world import Coordinator, Project, coordinator, open_project
from tests.ports import free_port

from shipline.demo.gitlab import GitLab

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MILLISECONDS = 60_000
expect.set_options(timeout=WAIT_MILLISECONDS)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = os.environ.get("SHIPLINE_BROWSER", "")
    if not path:
        pytest.fail(
            "No browser: run these with `shipline host run --no-engine --browser -- pytest -m browser`."
        )
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Coordinator]:
    async with coordinator(tmp_path_factory.mktemp("coordinator") / "data", free_port()) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(server: Coordinator) -> AsyncIterator[httpx.AsyncClient]:
    """For the Runner API."""
    async with httpx.AsyncClient(base_url=f"{server.url}/api/v4/", trust_env=False, timeout=60) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gitlab(server: Coordinator) -> AsyncIterator[GitLab]:
    async with GitLab(server.url, server.token) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def project(server: Coordinator, gitlab: GitLab, tmp_path: Path) -> Project:
    """A project of this test's own."""
    return await open_project(server, gitlab, f"shop/{tmp_path.name}", tmp_path / "work-tree")


@dataclass
class Visitor:
    """A tab, and what its console complained of. A test takes out of there what it expects."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


Visit = Callable[[], Awaitable[Visitor]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, server: Coordinator) -> AsyncIterator[Visit]:
    """Opens tabs of people who are not signed in; when the test ends, no console may have complained."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    async def opened() -> Visitor:
        context = await browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(WAIT_MILLISECONDS)
        contexts.append(context)
        visitors.append(Visitor(await context.new_page()))
        return visitors[-1]

    yield opened
    for context in contexts:
        await context.close()
    assert [visitor.complaints for visitor in visitors if visitor.complaints] == []


async def sign_in(page: Page, token: str, name: str = "root") -> None:
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("token").fill(token)
    await page.get_by_role("button", name="Sign in").click()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session(browser: Browser, server: Coordinator) -> list[dict[str, object]]:
    """The cookies of root, who signed in."""
    context = await browser.new_context(base_url=server.url)
    page = await context.new_page()
    await page.goto("/users/sign_in")
    await sign_in(page, server.token)
    await page.wait_for_url("/")
    cookies = await context.cookies()
    await context.close()
    return [dict(cookie) for cookie in cookies]


@pytest_asyncio.fixture(loop_scope="session")
async def page(visit: Visit, session: list[dict[str, object]]) -> Page:
    """A tab of root, who is signed in."""
    visitor = await visit()
    await visitor.page.context.add_cookies(session)  # type: ignore[arg-type]
    return visitor.page
