"""The page of a pipeline shows what its trigger jobs have started, and follows it."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.browser.world import Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
PARENT = "child: {trigger: {include: child.yml, strategy: depend}}\n"


async def test_a_child_pipeline_stands_beside_its_trigger_job_and_is_followed(
    page: Page, project: Project, client: httpx.AsyncClient
) -> None:
    (project.work_tree.folder / "child.yml").write_text("check: {script: make}\n")
    parent = await project.push(PARENT, "Trigger it")
    await page.goto(project.page(f"/-/pipelines/{parent}"))
    downstream = page.locator("a.downstream")
    await expect(downstream).to_contain_text("pending")
    await expect(page.locator("a.job")).to_contain_text("Waits for pipeline #")
    await (await (await project.runner(client)).take()).end()
    await expect(downstream).to_contain_text("success")
    await expect(page.locator(".headline .badge")).to_have_text("success")
    await downstream.click()
    await expect(page.get_by_role("link", name=f"child of #{parent} (child)")).to_be_visible()
    await expect(page.locator("a.job")).to_contain_text("check")
    await page.goto(project.page("/-/pipelines"))
    listed = page.locator("tbody .badge")
    await expect(listed).to_have_count(1)
    await expect(listed).to_have_accessible_name(f"#{parent} success")
