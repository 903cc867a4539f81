"""Pages that follow what happens while they are looked at, and what a person may do on them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import Visit, sign_in
from tests.browser.world import Coordinator, Project, coordinator, open_project
from tests.ports import free_port

from shipline.demo.gitlab import GitLab
from shipline.runner.masking import Masker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
TWO = "build:\n  stage: build\n  script: make\nship:\n  stage: deploy\n  script: ship\n"
ONE = "one:\n  script: echo\n"


def start(name: str, title: str, at: int, options: str = "") -> str:
    return f"section_start:{at}:{name}{options}\r\x1b[0K{title}\n"


def end(name: str, at: int) -> str:
    return f"section_end:{at}:{name}\r\x1b[0K\n"


async def mark(page: Page) -> None:
    """The page forgets this when it is loaded again."""
    await page.evaluate("window.notReloaded = true")


async def assert_not_reloaded(page: Page) -> None:
    assert await page.evaluate("window.notReloaded") is True


def badge(page: Page) -> Locator:
    return page.locator(".headline .badge")


async def test_a_pipeline_follows_its_jobs_without_a_reload(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(TWO, "Ship it")
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await mark(page)
    build, ship = (
        page.locator("a.job").filter(has_text="build"),
        page.locator("a.job").filter(has_text="ship"),
    )
    await expect(badge(page)).to_have_text("pending")
    await expect(build).to_contain_text("No runner serves this project")
    runner = await project.runner(client)
    taken = await runner.take()
    await expect(badge(page)).to_have_text("running")
    await expect(build).to_contain_text("running")
    await expect(ship).to_contain_text("created")
    await expect(page).to_have_title(re.compile("^running: "))
    await taken.end()
    await expect(build).to_contain_text("success")
    await expect(ship).to_contain_text("Waiting for a free runner")
    await (await runner.take()).end("failed", failure_reason="script_failure", exit_code=3)
    await expect(ship).to_contain_text("Script failure, exit code 3")
    await expect(badge(page)).to_have_text("failed")
    await expect(page).to_have_title(re.compile("^failed: "))
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    await assert_not_reloaded(page)


async def test_a_log_appears_while_the_job_runs(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(TWO)
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'build')}"))
    await mark(page)
    log, lines = page.locator("#log"), page.locator("#log .line")
    await expect(page.get_by_text("No log yet.")).to_be_visible()
    taken = await (await project.runner(client)).take()
    await expect(badge(page)).to_have_text("running")
    await taken.say("first\nsec")
    await expect(lines).to_have_text(["first"])
    await expect(page.get_by_text("No log yet.")).to_be_hidden()
    await taken.say("ond\n")
    await expect(lines).to_have_text(["first", "second"])
    await taken.say("last, without an end")
    await taken.end()
    await expect(lines).to_have_text(["first", "second", "last, without an end"])
    await expect(badge(page)).to_have_text("success")
    await expect(page.locator(".facts")).to_contain_text("Finished")
    await assert_not_reloaded(page)
    shown = await log.inner_html()
    await page.reload()
    await expect(lines).to_have_count(3)
    await page.wait_for_function("(shown) => document.getElementById('log').innerHTML === shown", arg=shown)


async def test_a_section_takes_in_what_comes_and_folds(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    await project.push(ONE)
    taken = await (await project.runner(client)).take()
    await page.goto(project.page(f"/-/jobs/{taken.id}"))
    await taken.say("before\n" + start("pull", "Pulling the image", 100))
    section = page.locator("details", has=page.get_by_text("Pulling the image"))
    line = section.get_by_text("layer one")
    await expect(section).to_be_visible()
    await taken.say("layer one\n")
    await expect(line).to_be_visible()
    await taken.say(end("pull", 175) + "after\n")
    await expect(page.locator("#log > .line")).to_have_text(["before", "after"])
    await section.locator("summary").click()
    await expect(line).to_be_hidden()
    # How long it took is seen although it is folded.
    await expect(section.get_by_text("01:15")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(line).to_be_visible()


async def test_a_section_that_starts_collapsed_is_opened_by_hand(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    await project.push(ONE)
    taken = await (await project.runner(client)).take()
    await taken.say(start("outer", "Outer", 1) + start("inner", "Inner", 2, "[collapsed=true]") + "deep\n")
    await page.goto(project.page(f"/-/jobs/{taken.id}"))
    await expect(page.get_by_text("Inner")).to_be_visible()
    await expect(page.get_by_text("deep")).to_be_hidden()
    await taken.say(end("inner", 3) + "outer again\n" + end("outer", 4))
    await expect(page.locator("#log > details > .line")).to_have_text(["outer again"])
    await page.get_by_text("Inner").click()
    await expect(page.get_by_text("deep")).to_be_visible()


async def test_colours_of_a_log_are_shown(page: Page, project: Project, client: httpx.AsyncClient) -> None:
    await project.push(ONE)
    taken = await (await project.runner(client)).take()
    await taken.say("\x1b[31;1mred\x1b[0m \x1b[38;5;46mgreen\x1b[0m \x1b[38;2;255;0;255mpink\x1b[0m plain\n")
    await page.goto(project.page(f"/-/jobs/{taken.id}"))
    red, green, pink = (page.locator("#log").get_by_text(word) for word in ("red", "green", "pink"))
    await expect(red).to_have_css("color", "rgb(255, 123, 128)")
    await expect(red).to_have_css("font-weight", "700")
    await expect(green).to_have_css("color", "rgb(140, 233, 181)")
    await expect(pink).to_have_css("color", "rgb(235, 192, 255)")
    await expect(page.locator("#log .line")).to_have_text("red green pink plain")


async def test_who_looks_at_the_end_of_a_log_keeps_seeing_it_and_who_reads_further_up_is_left_alone(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    await project.push(ONE)
    taken = await (await project.runner(client)).take()
    await page.goto(project.page(f"/-/jobs/{taken.id}"))
    await expect(page.get_by_text("No log yet.")).to_be_visible()
    await taken.say("".join(f"line {number}\n" for number in range(200)))
    await expect(page.get_by_text("line 199")).to_be_in_viewport()
    await taken.say("".join(f"more {number}\n" for number in range(200)))
    await expect(page.get_by_text("more 199")).to_be_in_viewport()
    await page.evaluate("window.scrollTo(0, 0)")
    await taken.say("the end\n")
    await expect(page.get_by_text("the end", exact=True)).to_be_attached()
    assert await page.evaluate("window.scrollY") == 0
    await page.get_by_role("link", name="To the end").click()
    await expect(page.get_by_text("the end", exact=True)).to_be_in_viewport()


async def test_a_masked_value_stays_masked_and_a_protected_one_is_told_to_be_missing(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    secret = "correct-horse-battery-staple"
    await project.gitlab.set_variable(project.id, "DEPLOY_KEY", secret, masked=True)
    await project.push(ONE)
    runner = await project.runner(client)
    taken = await runner.take()
    assert any(one["value"] == secret for one in taken.payload["variables"])
    await page.goto(project.page(f"/-/jobs/{taken.id}"))
    masker = Masker([secret])
    for piece in ("the key is correct-horse-", "battery-staple!\n"):
        await taken.say(masker.feed(piece.encode()).decode())
    await expect(page.locator("#log .line")).to_have_text(["the key is [MASKED]!"])
    await taken.end()
    await project.push(ONE, branch="feature")
    other = await runner.take()
    assert "DEPLOY_KEY" not in [one["key"] for one in other.payload["variables"]]
    await page.goto(project.page(f"/-/jobs/{other.id}"))
    await expect(page.locator("#log .line")).to_have_text(
        ["Protected variables are not available here, because branch feature is not protected: DEPLOY_KEY"]
    )
    for url in ("", "/-/pipelines", f"/-/jobs/{taken.id}", f"/-/jobs/{taken.id}/raw", f"/-/jobs/{other.id}"):
        await page.goto(project.page(url))
        if url.endswith((str(taken.id), str(other.id))):
            # The log comes behind the page.
            await expect(page.locator("#log .line")).to_have_count(1)
        assert secret not in await page.content()
        assert taken.payload["token"] not in await page.content()


async def test_a_manual_job_is_run_from_its_page(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push("ship:\n  when: manual\n  allow_failure: false\n  script: ship\n")
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await expect(badge(page)).to_have_text("manual")
    await page.locator("a.job").click()
    await expect(page.get_by_text("Somebody has to start it")).to_be_visible()
    await page.get_by_role("button", name="Run").click()
    await expect(badge(page)).to_have_text("pending")
    await (await (await project.runner(client)).take()).end()
    await expect(badge(page)).to_have_text("success")


async def test_a_retried_job_shows_its_attempts(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(TWO)
    runner = await project.runner(client)
    first = await runner.take()
    await first.say("it broke\n")
    await page.goto(project.page(f"/-/jobs/{first.id}"))
    await first.end("failed", failure_reason="script_failure", exit_code=1)
    await expect(badge(page)).to_have_text("failed")
    await page.get_by_role("button", name="Retry").click()
    second = await runner.take()
    await page.wait_for_url(project.page(f"/-/jobs/{second.id}"))
    await expect(page.locator(".facts")).to_contain_text(
        re.compile(rf"#{first.id} failed\s*#{second.id} running")
    )
    await second.end()
    await expect(badge(page)).to_have_text("success")
    await page.get_by_role("link", name=f"#{first.id} failed").click()
    await expect(page.get_by_text("This attempt was retried: the newest one is success.")).to_be_visible()
    await expect(page.locator("#log .line")).to_have_text(["it broke"])
    await expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await expect(page.locator("a.job")).to_have_count(2)
    await expect(page.locator("a.job").first).to_contain_text("attempt 2")


async def test_a_job_and_a_pipeline_are_cancelled_from_their_pages(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push("one:\n  script: a\ntwo:\n  script: b\n")
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'one')}"))
    await page.get_by_role("button", name="Cancel").click()
    await expect(badge(page)).to_have_text("canceled")
    await expect(page.get_by_text("Somebody cancelled it")).to_be_visible()
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await expect(page.locator("a.job").filter(has_text="two")).to_contain_text("pending")
    await page.get_by_role("button", name="Cancel").click()
    await expect(badge(page)).to_have_text("canceled")


async def test_who_may_only_read_finds_no_buttons_and_is_refused(
    visit: Visit, page: Page, server: Coordinator, gitlab: GitLab, tmp_path: Path
) -> None:
    project = await open_project(server, gitlab, "shop/public", tmp_path / "work-tree", "public")
    pipeline = await project.push("ship:\n  when: manual\n  script: ship\n")
    job = await project.job(pipeline, "ship")
    stranger = (await visit()).page
    await stranger.goto(project.page(f"/-/jobs/{job}"))
    await expect(badge(stranger)).to_have_text("manual")
    await expect(stranger.get_by_role("button")).to_have_count(0)
    # Not by a call of their own either: neither theirs nor one that another site makes in root's name.
    for context in (stranger.context, page.context):
        answer = await context.request.post(project.page(f"/-/jobs/{job}/play"))
        assert answer.status == 403
    jobs = await project.gitlab.call("GET", f"projects/{project.id}/pipelines/{pipeline}/jobs")
    assert [one["status"] for one in jobs] == ["manual"]


async def test_a_log_goes_on_after_the_coordinator_was_restarted(visit: Visit, tmp_path: Path) -> None:
    folder, port = tmp_path / "data", free_port()
    visitor = await visit()
    page = visitor.page
    lines, lost = page.locator("#log .line"), page.get_by_text("The connection is lost; trying again …")
    async with (
        coordinator(folder, port) as server,
        GitLab(server.url, server.token) as gitlab,
        httpx.AsyncClient(base_url=f"{server.url}/api/v4/", trust_env=False) as client,
    ):
        project = await open_project(server, gitlab, "shop/restarted", tmp_path / "work-tree")
        await project.push(ONE)
        taken = await (await project.runner(client)).take()
        await taken.say("before\n")
        await page.goto(project.page(f"/-/jobs/{taken.id}"))
        await sign_in(page, server.token)
        await expect(lines).to_have_text(["before"])
    await expect(lost).to_be_visible()
    async with (
        coordinator(folder, port) as server,
        httpx.AsyncClient(base_url=f"{server.url}/api/v4/", trust_env=False) as client,
    ):
        taken.client = client
        await taken.say("after\n")
        await expect(lines).to_have_text(["before", "after"])
        await expect(lost).to_be_hidden()
        await taken.end()
        await expect(badge(page)).to_have_text("success")
    assert all("ERR_" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()


async def test_a_job_that_ends_while_its_log_is_being_sent_is_told_to_have_ended(
    session: list[dict[str, object]], project: Project, client: httpx.AsyncClient
) -> None:
    await project.push(ONE)
    taken = await (await project.runner(client)).take()
    for _ in range(6):
        await taken.say("a line like any other\n" * 40_000)
    cookies = {str(one["name"]): str(one["value"]) for one in session}
    names, pages = [], []
    async with (
        httpx.AsyncClient(cookies=cookies, trust_env=False, timeout=60) as reader,
        reader.stream("GET", project.page(f"/-/jobs/{taken.id}/live")) as stream,
    ):
        async for line in stream.aiter_lines():
            kind, _, value = line.partition(": ")
            if kind == "event":
                names.append(value)
                if names.count("log") == 1 and value == "log":
                    await taken.end()
            elif kind == "data" and names[-1] == "page":
                pages.append(json.loads(value)["title"])
    assert names[-1] == "done"
    assert pages[-1].startswith("success: ")
