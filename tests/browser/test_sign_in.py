"""Who gets in, and what those see who are not in."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser.conftest import Visit, sign_in
from tests.browser.world import Coordinator, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ONE = "one:\n  script: echo\n"


async def test_a_token_opens_the_projects(visit: Visit, server: Coordinator, project: Project) -> None:
    page = (await visit()).page
    await page.goto("/users/sign_in")
    await expect(page.get_by_label("User name")).to_be_focused()
    await sign_in(page, server.token)
    await expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    await expect(page.get_by_role("link", name=f"shop / {project.facts['name']}")).to_be_visible()


async def test_a_wrong_token_is_told_and_not_shown_again(visit: Visit) -> None:
    visitor = await visit()
    page = visitor.page
    await page.goto("/users/sign_in")
    await sign_in(page, "glpat-of-somebody-else")
    await expect(page.get_by_role("alert")).to_have_text("The user name or the token is wrong.")
    await expect(page.get_by_label("User name")).to_have_value("root")
    await expect(page.get_by_label("token")).to_have_value("")
    await expect(page.get_by_label("token")).to_be_focused()
    assert "glpat-of-somebody-else" not in await page.content()
    assert len(visitor.complaints) == 1
    assert "401" in visitor.complaints.pop()


async def test_a_token_opens_only_its_owner_s_name(visit: Visit, server: Coordinator) -> None:
    visitor = await visit()
    await visitor.page.goto("/users/sign_in")
    await sign_in(visitor.page, server.token, "somebody")
    await expect(visitor.page.get_by_role("alert")).to_be_visible()
    visitor.complaints.clear()


async def test_a_visitor_who_is_not_signed_in_sees_of_a_private_project_only_the_sign_in(
    visit: Visit, server: Coordinator, project: Project
) -> None:
    pipeline = await project.push(ONE, "A secret plan")
    job = await project.job(pipeline, "one")
    page = (await visit()).page

    async def shown(url: str) -> str:
        await page.goto(url)
        await expect(page).to_have_title("Sign in · shipline")
        assert "secret plan" not in await page.content()
        return await page.locator("main").inner_text()

    unknown = await shown(f"{server.url}/no/such")
    rest = ("", "/-/pipelines", f"/-/pipelines/{pipeline}", f"/-/jobs/{job}/raw", f"/-/jobs/{job}/artifacts")
    for wanted in (*rest, f"/-/jobs/{job}"):
        assert await shown(project.page(wanted)) == unknown
    for stream in (f"/-/jobs/{job}/live", f"/-/pipelines/{pipeline}/live"):
        assert (await page.request.get(project.page(stream))).status == 404
    # Once signed in, they are where they wanted to be.
    await sign_in(page, server.token)
    await page.wait_for_url(project.page(f"/-/jobs/{job}"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("one")


async def test_who_signs_out_is_out(visit: Visit, server: Coordinator, project: Project) -> None:
    page = (await visit()).page
    await page.goto(project.page())
    await sign_in(page, server.token)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    await page.goto(project.page())
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_the_sign_in_leads_to_no_other_site(visit: Visit, server: Coordinator) -> None:
    page = (await visit()).page
    await page.goto("/users/sign_in?next=https://example.com/")
    await sign_in(page, server.token)
    await page.wait_for_url(f"{server.url}/")
