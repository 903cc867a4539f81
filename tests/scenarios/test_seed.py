"""The seed's own `.gitlab-ci.yml` and `build.sh` ship the app, all the way."""

from __future__ import annotations

import httpx
import pytest
from tests.scenarios.conftest import Shipped

from shipline.demo.story import example

pytestmark = [pytest.mark.scenario, pytest.mark.asyncio(loop_scope="session")]


async def test_the_files_are_the_seeds_byte_for_byte(seed_text: str | None) -> None:
    pipeline = (example("seed") / ".gitlab-ci.yml").read_text()
    script = (example("seed") / "build.sh").read_text()
    assert "image: gitlab.example.com/test_image\n" in pipeline
    assert "$(aws ecr get-login --no-include-email --region $AWS_DEFAULT_REGION)\n" in script
    if seed_text is not None:
        assert pipeline in seed_text
        assert script in seed_text


async def test_every_job_of_the_seed_is_green(shipped: Shipped) -> None:
    assert shipped.statuses() == {"test": "success", "build": "success", "deploy": "success"}
    assert shipped.pipeline["status"] == "success"


async def test_git_tells_who_pushed_where_the_pipeline_is(shipped: Shipped) -> None:
    url = f"{shipped.stage.gitlab.url}/acme/guestbook/-/pipelines/{shipped.pipeline['id']}"
    assert any(f"Pipeline #{shipped.pipeline['id']}" in line for line in shipped.said)
    assert any(url in line for line in shipped.said)


async def test_the_app_answers_reads_and_writes(shipped: Shipped) -> None:
    async with httpx.AsyncClient(base_url=shipped.url, trust_env=False, follow_redirects=True) as browser:
        page = await browser.get("/")
        assert "Version 1" in page.text
        token = browser.cookies["csrftoken"]
        form = {"name": "Ada", "message": "Hello from far away", "csrfmiddlewaretoken": token}
        answer = await browser.post("/", data=form)
        assert "Hello from far away" in answer.text


async def test_the_test_job_ran_the_suite_against_postgresql(shipped: Shipped) -> None:
    (test,) = [job for job in shipped.jobs if job["name"] == "test"]
    log = await shipped.stage.gitlab.log(shipped.stage.project["id"], test["id"])
    assert "Starting PostgreSQL" in log
    assert "test_an_entry_that_is_posted_is_stored_and_shown" in log


async def test_no_secret_is_in_any_log(shipped: Shipped) -> None:
    keys = (shipped.stage.data.aws / "credentials").read_text().split()
    for job in shipped.jobs:
        log = await shipped.stage.gitlab.log(shipped.stage.project["id"], job["id"])
        assert keys[-1] not in log
