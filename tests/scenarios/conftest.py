"""One system with an app that the seed's own files have shipped, for all scenarios that need one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from shipline.config import DataFolder
from shipline.demo.gitlab import Json
from shipline.demo.stage import App, Stage, stage, up
from shipline.demo.story import example


@dataclass
class Shipped:
    """The stage, and what became of the first push."""

    stage: Stage
    pipeline: Json
    jobs: list[Json]
    url: str
    said: list[str] = field(default_factory=list)

    def statuses(self) -> dict[str, str]:
        return {job["name"]: job["status"] for job in self.jobs}


def say(line: str) -> None:
    print(line, file=sys.stderr)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shipped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shipped]:
    folder = tmp_path_factory.mktemp("seed")
    app = App(
        example("django-postgres"),
        overlay=example("seed"),
        test_image="gitlab.example.com/test_image",
        aliases=("gitlab.example.com",),
    )
    data = DataFolder(folder / "data")
    said: list[str] = []
    async with up(data, app.aliases) as status, stage(status, data, app, folder / "work-tree", say) as scene:
        _, pipeline = await scene.push("The app, with the seed's files", said.append)
        ended, jobs = await scene.follow(pipeline, lambda job: say(f"{job['name']}: {job['status']}"))
        for job in jobs:
            if job["status"] == "failed":
                say(await scene.gitlab.log(scene.project["id"], job["id"]))
        yield Shipped(scene, ended, jobs, await scene.service_url(), said)


@pytest.fixture(scope="session")
def seed_text() -> str | None:
    """The seed as it was given, where it is beside the checkout."""
    path = Path(__file__).parents[3] / "shared" / "seed" / "forgitlabcicd.md"
    return path.read_text() if path.exists() else None
