"""Parts of a page are replaced as things change: nobody who does something with the page may notice."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.browser.test_live import ONE, TWO, badge
from tests.browser.world import Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_who_stands_on_a_job_stays_there_when_the_page_changes(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(TWO)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    ship = page.locator("a.job").filter(has_text="ship")
    await ship.focus()
    await (await (await project.runner(client)).take()).end()
    await expect(ship).to_contain_text("pending")
    await expect(ship).to_be_focused()


async def test_a_click_counts_although_the_page_changes_under_it(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    """The button is pressed, a job begins, and only then the button is let go."""
    pipeline = await project.push(ONE)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    await expect(page.locator("a.job")).to_contain_text("No runner serves this project")
    runner = await project.runner(client)
    await page.get_by_role("button", name="Cancel").hover()
    await page.mouse.down()
    await runner.take()
    # The title is not held back: when it says so, the rest has come too.
    await expect(page).to_have_title(re.compile("^running: "))
    await expect(badge(page)).to_have_text("pending")
    await page.mouse.up()
    await expect(badge(page)).to_have_text("canceled")


async def test_a_question_that_was_opened_stays_open_when_the_page_changes(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    ci = "ship: {script: a, when: manual, manual_confirmation: Really?}\nother: {script: b}\n"
    pipeline = await project.push(ci)
    await page.goto(project.page(f"/-/jobs/{await project.job(pipeline, 'ship')}"))
    siblings = page.locator(".facts").get_by_role("listitem").filter(has_text="other")
    await page.get_by_text("Run", exact=True).click()
    await expect(page.get_by_text("Really?")).to_be_visible()
    await (await project.runner(client)).take()
    await expect(siblings.get_by_role("img", name="running")).to_be_visible()
    await expect(page.get_by_text("Really?")).to_be_visible()
