"""Releases, merge requests, and what a list of pipelines says of where they come from."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.browser.test_pages import HOSTILE, SCHEMES, WEAK_TEXT
from tests.browser.world import Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ONE = "one: {script: make}\n"
OF_REQUESTS = "one: {script: make, rules: [{if: $CI_MERGE_REQUEST_IID}, {if: $CI_COMMIT_BRANCH}]}\n"
LONG = "long-" * 40


async def test_releases_are_listed_with_notes_and_assets(page: Page, project: Project) -> None:
    await project.push(ONE)
    await page.goto(project.page())
    await page.get_by_role("link", name="Releases", exact=True).click()
    await expect(page.get_by_text("No release yet")).to_be_visible()
    links = [
        {"name": "shop.zip", "url": "https://example.com/shop.zip", "link_type": "package"},
        {"name": "notes", "url": "https://example.com/notes"},
    ]
    wanted = {"tag_name": "v1/a", "ref": "main", "name": "The first", "description": f"Rounded.\n\n{HOSTILE}"}
    releases = f"projects/{project.id}/releases"
    await project.gitlab.call("POST", releases, wanted | {"assets": {"links": links}})
    later = {
        "tag_name": "v2",
        "ref": "main",
        "released_at": "2100-01-01T00:00:00Z",
        "description": "x" * 5000,
    }
    await project.gitlab.call("POST", releases, later)
    await page.reload()
    await expect(page.get_by_role("heading", level=2)).to_have_text(["v2", "The first"])
    await expect(page.get_by_text("upcoming")).to_be_visible()
    first = page.locator(".release").filter(has_text="The first")
    await expect(first).to_contain_text(HOSTILE)
    asset = first.get_by_role("link", name="shop.zip")
    await expect(asset).to_have_attribute("href", "https://example.com/shop.zip")
    await expect(asset).to_have_attribute("rel", "noopener noreferrer")
    await page.get_by_role("link", name="All notes of v2").click()
    await expect(page.get_by_text("x" * 5000)).to_be_visible()
    await page.get_by_role("link", name="Releases", exact=True).click()
    await page.get_by_role("link", name="The first").click()
    await expect(page).to_have_url(project.page("/-/releases/v1%2Fa"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("The first")


async def test_merge_requests_are_listed_by_state_with_their_latest_pipeline(
    page: Page, project: Project
) -> None:
    await project.push(OF_REQUESTS, "The base")
    await page.goto(project.page())
    await page.get_by_role("link", name="Merge requests", exact=True).click()
    await expect(page.get_by_text("None is opened.")).to_be_visible()
    (project.work_tree.folder / "more").write_text("more\n")
    await project.work_tree.commit("A topic")
    await project.work_tree.push("topic")
    body = {"source_branch": "topic", "target_branch": "main", "title": f"Round {HOSTILE}"}
    request = await project.gitlab.call("POST", f"projects/{project.id}/merge_requests", body)
    await page.reload()
    row = page.get_by_role("row").filter(has_text="!1")
    await expect(row).to_contain_text(f"Round {HOSTILE}")
    await expect(row).to_contain_text("topic into main")
    await expect(row.get_by_role("link", name="pending")).to_be_visible()
    path = f"projects/{project.id}/merge_requests/{request['iid']}"
    await project.gitlab.call("PUT", path, {"state_event": "close"})
    await page.get_by_role("link", name="Closed").click()
    await expect(row).to_contain_text("closed")
    await expect(page.get_by_role("link", name="Closed")).to_have_attribute("aria-current", "page")
    await row.get_by_role("link", name="!1").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Round {HOSTILE}")


async def test_pipelines_say_what_made_them_and_what_superseded_them(page: Page, project: Project) -> None:
    first = await project.push(ONE)
    second = await project.push(ONE)
    await project.gitlab.call("POST", f"projects/{project.id}/pipeline", {"ref": "main"})
    body = {"ref": "main", "description": "nightly", "cron": "0 2 * * *"}
    schedule = await project.gitlab.call("POST", f"projects/{project.id}/pipeline_schedules", body)
    await project.gitlab.call("POST", f"projects/{project.id}/pipeline_schedules/{schedule['id']}/play")
    token = await project.gitlab.call("POST", f"projects/{project.id}/triggers", {"description": "a machine"})
    body = {"ref": "main", "token": token["token"]}
    await project.gitlab.call("POST", f"projects/{project.id}/trigger/pipeline", body)
    await page.goto(project.page("/-/pipelines"))
    rows = page.get_by_role("row")
    await expect(rows).to_have_count(6)
    for source in ("API", "schedule", "trigger"):
        await expect(page.get_by_text(source, exact=True)).to_have_count(1)
    older = rows.filter(has=page.get_by_role("link", name=f"#{first} canceled"))
    await expect(older).to_contain_text(f"superseded by #{second}")
    await older.get_by_role("link", name=f"#{second}", exact=True).click()
    await expect(page).to_have_url(project.page(f"/-/pipelines/{second}"))


async def test_of_200_jobs_what_failed_is_named_first_and_a_job_lists_its_own_stage(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    jobs = [f"job-{n:03}: {{stage: {'build' if n < 50 else 'test'}, script: make}}\n" for n in range(200)]
    pipeline = await project.push("stages: [build, test]\n" + "".join(jobs))
    job = await (await project.runner(client)).take()
    await job.end("failed", failure_reason="script_failure", exit_code=1)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await expect(page.locator("a.job")).to_have_count(200)
    await expect(page.get_by_text("Failed: job-000")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 1280
    await page.locator("a.job", has_text="job-199").click()
    await expect(page.get_by_text("Waits for job-001, job-002, job-003 and 46 more")).to_be_visible()
    await expect(page.get_by_text("140 more are in the pipeline.")).to_be_visible()


async def test_the_lists_fit_a_phone_and_can_be_read_in_light_and_dark(page: Page, project: Project) -> None:
    await project.push(ONE, f"{HOSTILE} {LONG}", branch=f"b-{LONG}")
    await project.push(ONE, LONG)
    links = [{"name": LONG, "url": f"https://example.com/{LONG}", "link_type": "runbook"}]
    body = {"tag_name": f"v-{LONG}", "ref": "main", "description": LONG * 5, "assets": {"links": links}}
    await project.gitlab.call("POST", f"projects/{project.id}/releases", body)
    (project.work_tree.folder / "more").write_text("more\n")
    await project.work_tree.commit("A topic")
    await project.work_tree.push("topic")
    body = {"source_branch": "topic", "target_branch": "main", "title": LONG}
    await project.gitlab.call("POST", f"projects/{project.id}/merge_requests", body)
    for rest in ("", "/-/releases", f"/-/releases/v-{LONG}", "/-/merge_requests?state=all", "/-/pipelines"):
        for width in (390, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(project.page(rest))
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, rest
            await expect(page).not_to_have_title("owned")
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            assert await page.evaluate(WEAK_TEXT) == [], f"{rest}, {scheme}"
