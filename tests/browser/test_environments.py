"""The pages of environments, and what a job's page says of where it deploys to."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import Visit
from tests.browser.test_pages import HOSTILE, SCHEMES, WEAK_TEXT
from tests.browser.world import PlayedRunner, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
CI = """\
deploy:
  script: make deploy
  resource_group: production
  environment: {name: production, url: 'https://shop.example.com/$CI_COMMIT_SHORT_SHA', on_stop: stop}
review:
  script: make review
  environment: {name: review/a-branch-with-quite-a-long-name-that-goes-on-and-on, url: 'irc://chat.example.com'}
migrate:
  script: make migrate
  when: manual
  manual_confirmation: Is the backup of today there? <b>Really?</b>
  environment: {name: production, action: prepare}
stop:
  script: make stop
  when: manual
  environment: {name: production, action: stop}
"""


async def deployed(project: Project, runner: PlayedRunner, title: str) -> int:
    """The number of a pipeline whose deployments have succeeded."""
    pipeline = await project.push(CI, title)
    for job in (await runner.take_all("deploy", "review")).values():
        await job.end()
    return pipeline


async def test_environments_are_listed_with_what_is_there(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    await page.goto(project.page("/-/environments"))
    await expect(page.get_by_text("No environment yet")).to_be_visible()
    runner = await project.runner(client)
    pipeline = await deployed(project, runner, "The first change")
    await page.goto(project.page())
    await page.get_by_role("link", name="Environments", exact=True).click()
    row = page.get_by_role("row").filter(has_text="production")
    await expect(row).to_contain_text("available")
    await expect(row).to_contain_text("The first change")
    await expect(row.get_by_role("link", name="deploy")).to_have_attribute(
        "href",
        project.page(f"/-/jobs/{await project.job(pipeline, 'deploy')}").removeprefix(project.gitlab.url),
    )
    link = row.get_by_role("link", name="Open")
    await expect(link).to_have_attribute("href", re.compile("^https://shop.example.com/"))
    # An address that is none of the web's is no link.
    await expect(
        page.get_by_role("row").filter(has_text="review/").get_by_role("link", name="Open")
    ).to_have_count(0)


async def test_an_environment_is_stopped_by_its_job(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    runner = await project.runner(client)
    await deployed(project, runner, "A change")
    await page.goto(project.page("/-/environments"))
    await page.get_by_role("button", name="Stop production").click()
    row = page.get_by_role("row").filter(has_text="production")
    await expect(row).to_contain_text("stopping")
    await expect(row.get_by_role("button")).to_have_count(0)
    stop = await runner.take()
    assert stop.name == "stop"
    await stop.end()
    await page.reload()
    await expect(row).to_have_count(0)
    await page.get_by_role("link", name="1 stopped").click()
    await expect(row).to_contain_text("stopped")
    await page.goto(project.page(f"/-/jobs/{stop.id}"))
    await expect(
        page.get_by_text("This job stops the environment production, which is stopped.")
    ).to_be_visible()


async def test_more_environments_are_a_page_away(page: Page, project: Project) -> None:
    for number in range(31):
        body = {"name": f"review/{number:02}"}
        await project.gitlab.call("POST", f"projects/{project.id}/environments", body)
    await page.goto(project.page("/-/environments"))
    rows = page.get_by_role("row")
    await expect(rows).to_have_count(31)
    await page.get_by_role("link", name="More", exact=True).click()
    await expect(rows).to_have_count(2)
    await expect(rows.last).to_contain_text("review/30")
    await page.get_by_role("link", name="Before", exact=True).click()
    await expect(rows.last).to_contain_text("review/29")


async def test_an_older_deployment_is_rolled_back_to(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    runner = await project.runner(client)
    await deployed(project, runner, "The first change")
    await deployed(project, runner, "The second change")
    await page.goto(project.page("/-/environments"))
    await page.get_by_role("link", name="production").click()
    rows = page.get_by_role("row")
    await expect(rows.nth(1)).to_contain_text("there now")
    await expect(rows.nth(1)).to_contain_text("The second change")
    await rows.nth(2).get_by_role("button", name="Roll back to this").click()
    again = await runner.take()
    await expect(page.get_by_text("under way to production; deployment 3 is there now.")).to_be_visible()
    await again.end()
    await expect(page.get_by_text("went to production, and it is there now.")).to_be_visible()


async def test_a_job_says_who_has_the_resource_that_it_waits_for(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    runner = await project.runner(client)
    first = await project.push(CI)
    # What runs is not superseded by the next push.
    taken = await runner.take_all("deploy", "review")
    second = await project.push(CI)
    holder = await project.job(first, "deploy")
    await page.goto(project.page(f"/-/pipelines/{second}"))
    reason = f"Resource group production is held by #{holder} (pipeline #{first})"
    waiting = page.locator("a.job").filter(has_text=reason)
    await expect(waiting).to_contain_text("waiting_for_resource")
    # The page replaces its rows as things change, so the row is looked up anew until one has been measured.
    await page.wait_for_function(
        """(reason) => [...document.querySelectorAll("a.job")].some((row) => {
            const height = row.querySelector(".jobname").getBoundingClientRect().height;
            return row.textContent.includes(reason) && 0 < height && height < 30;
        })""",
        arg=reason,
    )
    await page.locator("a.job").filter(has_text=reason).click()
    await expect(page.get_by_text(reason)).to_be_visible()
    await taken["deploy"].end()
    await expect(page.get_by_role("status").first).to_have_text("pending")


async def test_a_manual_job_asks_before_it_runs(page: Page, project: Project) -> None:
    pipeline = await project.push(CI)
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'migrate')}"))
    question = page.get_by_text("Is the backup of today there? <b>Really?</b>")
    await expect(question).not_to_be_visible()
    await page.get_by_text("Run", exact=True).click()
    await expect(question).to_be_visible()
    await page.get_by_role("button", name="Yes, run it").click()
    await expect(page.get_by_role("status").first).to_have_text("pending")


async def test_a_question_stays_open_while_the_page_changes(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    runner = await project.runner(client)
    pipeline = await project.push(CI)
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'migrate')}"))
    head = page.locator('[data-part="head"]')
    await expect(head.get_by_text("Run", exact=True)).to_be_visible()
    await head.get_by_text("Run", exact=True).click()
    await head.evaluate("part => part.firstElementChild.classList.add('as-it-was')")
    await runner.take()
    await expect(page.locator(".as-it-was")).to_have_count(0)
    await expect(page.get_by_text("Is the backup of today there? <b>Really?</b>")).to_be_visible()


async def test_who_may_only_look_stops_and_rolls_back_nothing(
    visit: Visit, page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    await deployed(project, await project.runner(client), "A change")
    (environment, _) = await project.gitlab.call("GET", f"projects/{project.id}/environments")
    stranger = (await visit()).page
    await stranger.goto(project.page("/-/environments"))
    await expect(stranger.get_by_role("button", name="Sign in")).to_be_visible()
    answer = await client.post(project.page(f"/-/environments/{environment['id']}/stop"))
    assert answer.status_code == 403


async def test_the_pages_fit_a_phone_and_can_be_read_in_light_and_dark(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    runner = await project.runner(client)
    await deployed(project, runner, "The first change")
    pipeline = await deployed(project, runner, HOSTILE)
    await project.push(CI, "The third change")
    (environment, _) = await project.gitlab.call("GET", f"projects/{project.id}/environments")
    job = await project.job(pipeline, "deploy")
    rest = ["/-/environments", f"/-/environments/{environment['id']}", f"/-/jobs/{job}", ""]
    rest.append(f"/-/jobs/{await project.job(pipeline, 'migrate')}")
    for url in map(project.page, rest):
        for width in (390, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            answer = await page.goto(url)
            assert answer is not None
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, url
            await expect(page).not_to_have_title("owned")
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            assert await page.evaluate(WEAK_TEXT) == [], f"{url}, {scheme}"
