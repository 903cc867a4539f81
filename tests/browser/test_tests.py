"""The pages of a pipeline and a job say what their tests came to: what failed, first."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.browser.test_pages import HOSTILE, SCHEMES, WEAK_TEXT
from tests.browser.world import Project
from tests.coordinator.junit import ERROR, KIND, SKIPPED, bad, good, junit, suite

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
JUNIT = "artifacts: {reports: {junit: a.xml}}"
CI = f"unit: {{script: make, {JUNIT}}}\nlint: {{script: make, {JUNIT}}}\n"
ESCAPED = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
LONG = "a-name-that-goes-on-" * 12


async def test_failed_tests_stand_first_with_their_output(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(CI)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    tests = page.get_by_role("region", name="Tests")
    await expect(page.locator("a.job")).to_have_count(2)
    await expect(tests).to_have_count(0)
    jobs = await (await project.runner(client)).take_all("unit", "lint")
    report = suite(
        good("fine"), SKIPPED, bad("breaks", "1 is not 2", "a traceback", "what it printed"), ERROR
    )
    await jobs["unit"].upload("junit.xml.gz", junit(report), **KIND)
    # The page learns of it by itself.
    await expect(tests).to_contain_text("2 of 4 failed · 1 skipped")
    case = tests.locator("details", has_text="breaks")
    await expect(case).to_contain_text("1 is not 2")
    await expect(case.get_by_text("a traceback")).to_be_hidden()
    await case.locator("summary").press("Enter")
    await expect(case.get_by_text("a traceback")).to_be_visible()
    await expect(case.get_by_text("what it printed")).to_be_visible()
    # Another report does not close what somebody reads, nor take their place from them.
    await jobs["lint"].upload("junit.xml.gz", junit(suite(good("a"), good("b"))), **KIND)
    await expect(tests).to_contain_text("2 of 6 failed")
    await expect(case.get_by_text("a traceback")).to_be_visible()
    await expect(case.locator("summary")).to_be_focused()
    row = tests.get_by_role("row").filter(has=page.get_by_role("link", name="lint"))
    await expect(row.get_by_role("cell")).to_have_text(["lint", "2", "0", "0", "1.0 s"])
    await expect(page.get_by_role("link", name="2 of 6 failed")).to_have_attribute("href", "#tests")


async def test_a_job_s_page_leads_to_what_failed_in_it(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(CI)
    job = (await (await project.runner(client)).take_all("unit", "lint"))["unit"]
    await page.goto(project.page(f"/-/jobs/{job.id}"))
    await job.upload("junit.xml.gz", junit(suite(*[bad(f"breaks {n}") for n in range(7)])), **KIND)
    head = page.locator("[data-part=head]")
    await expect(head).to_contain_text("Tests: 7 of 7 failed")
    await expect(head.get_by_role("listitem")).to_have_count(5)
    await expect(head).to_contain_text("and 2 more")
    await job.end("failed", failure_reason="script_failure", exit_code=1)
    await head.get_by_role("link", name="what went wrong").click()
    await page.wait_for_url(project.page(f"/-/pipelines/{pipeline}#tests-{job.id}"))
    await expect(page.locator(f"#tests-{job.id}")).to_be_in_viewport()


async def test_a_report_that_cannot_be_read_says_so(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(CI)
    job = (await (await project.runner(client)).take_all("unit", "lint"))["unit"]
    await job.upload("junit.xml.gz", junit(suite(good("a")), "<testsuite"), **KIND)
    told = re.compile(r"JUnit XML parsing failed: report-2\.xml:1:\d+: ")
    for url in (f"/-/pipelines/{pipeline}", f"/-/jobs/{job.id}"):
        await page.goto(project.page(url))
        await expect(page.get_by_role("main")).to_contain_text(told)
        await expect(page.get_by_role("main")).to_contain_text("1 test, none failed")


async def test_of_many_failures_the_first_are_open_to_see_and_the_rest_folded(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(CI)
    job = (await (await project.runner(client)).take_all("unit", "lint"))["unit"]
    cases = [bad(f"test number {n:03}") for n in range(80)]
    await job.upload("junit.xml.gz", junit(suite(*cases)), **KIND)
    await job.end("failed", failure_reason="script_failure", exit_code=1)
    await page.goto(project.page(f"/-/pipelines/{pipeline}"))
    tests = page.get_by_role("region", name="Tests")
    await expect(tests.get_by_text("test number 009")).to_be_visible()
    await expect(tests.get_by_text("test number 010")).to_be_hidden()
    await tests.get_by_text("40 more of unit").click()
    await expect(tests.get_by_text("test number 049")).to_be_visible()
    await expect(tests).to_contain_text("30 more failed.")
    async with page.expect_download() as download:
        await tests.get_by_role("link", name="report of unit").click()
    assert (await (await download.value).path()).read_bytes() == junit(suite(*cases))


async def test_names_and_outputs_stay_text_fit_a_phone_and_can_be_read(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    pipeline = await project.push(CI)
    job = (await (await project.runner(client)).take_all("unit", "lint"))["unit"]
    cases = (bad(ESCAPED, ESCAPED, ESCAPED, ESCAPED), bad(LONG, LONG, LONG, LONG), bad("", "", ""))
    await job.upload("junit.xml.gz", junit(suite(*cases)), **KIND)
    for url in (f"/-/pipelines/{pipeline}", f"/-/jobs/{job.id}"):
        for width in (390, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(project.page(url))
            await expect(page.get_by_text(HOSTILE).first).to_be_visible()
            # In one step: a part of the page may be replaced at any time.
            await page.evaluate(
                "() => { for (const one of document.querySelectorAll('details')) one.open = true; }"
            )
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, url
            await expect(page).not_to_have_title("owned")
            await expect(page.locator("img:not([src='/static/mark.svg']), main script")).to_have_count(0)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            assert await page.evaluate(WEAK_TEXT) == [], f"{url}, {scheme}"
