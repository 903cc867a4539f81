"""One system for all scenarios that can share one, and the means to push to it as a customer does."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from shipline.config import DataFolder
from shipline.demo.git import WorkTree
from shipline.demo.gitlab import GitLab, Json
from shipline.demo.stage import App, Stage, stage, up
from shipline.demo.story import example

IMAGE = "python:3.11-slim"
JOB_SECONDS = 120.0


@pytest.fixture(scope="session")
def docker_host() -> str:
    found = os.environ.get("DOCKER_HOST", "")
    if not found:
        pytest.fail("No DOCKER_HOST: run these with `shipline host run -- pytest -m scenario`.")
    return found


def say(line: str) -> None:
    print(line, file=sys.stderr)


@dataclass
class System:
    """What `shipline up` says of itself, its data folder, and a place for work trees."""

    status: Json
    data: DataFolder
    folder: Path

    @property
    def token(self) -> str:
        return Path(self.status["admin_token_file"]).read_text().strip()

    @property
    def url(self) -> str:
        return str(self.status["coordinator"]["url"])


@dataclass
class Ended:
    """A pipeline that is over: its jobs by name, and what git said when it was pushed."""

    pipeline: Json
    jobs: dict[str, Json]
    logs: dict[str, str]
    said: str


@dataclass
class Project:
    """A project with a work tree; `push` commits files and follows the pipeline."""

    gitlab: GitLab
    project: Json
    work_tree: WorkTree

    async def push(self, files: dict[str, str], branch: str = "main") -> Ended:
        said, sha = await self.push_only(files, branch)
        pipeline = await self.gitlab.pipeline_of(self.project["id"], sha)
        ended, jobs = await self.gitlab.follow(
            self.project["id"], pipeline["id"], lambda job: None, JOB_SECONDS
        )
        logs = {job["name"]: await self.gitlab.log(self.project["id"], job["id"]) for job in jobs}
        return Ended(ended, {job["name"]: job for job in jobs}, logs, said)

    async def push_only(self, files: dict[str, str], branch: str = "main") -> tuple[str, str]:
        for name, text in files.items():
            path = self.work_tree.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sha = await self.work_tree.commit("A change")
        return await self.work_tree.push(branch), sha


async def open_project(system: System, gitlab: GitLab, path: str, folder: Path) -> Project:
    project = await gitlab.create_project(path, "main")
    folder.mkdir(parents=True)
    work_tree = WorkTree(folder, f"{system.url}/{path}.git", "root", system.token)
    await work_tree.start()
    return Project(gitlab, project, work_tree)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def system(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> AsyncIterator[System]:
    folder = tmp_path_factory.mktemp("system")
    data = DataFolder(folder / "data")
    async with up(data, ("gitlab.example.com",)) as started:
        yield System(started.status, data, folder)


@pytest_asyncio.fixture(loop_scope="session")
async def projects(system: System, tmp_path: Path) -> AsyncIterator[Callable[[str], Awaitable[Project]]]:
    """Makes projects; call it with a path."""
    async with GitLab(system.url, system.token) as gitlab:

        async def make(path: str) -> Project:
            return await open_project(system, gitlab, path, tmp_path / path)

        yield make


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shipped(system: System) -> AsyncIterator[Shipped]:
    """The example app, shipped by the seed's own files."""
    app = App(
        example("django-postgres"),
        overlay=example("seed"),
        test_image="gitlab.example.com/test_image",
        aliases=("gitlab.example.com",),
    )
    said: list[str] = []
    async with stage(system.status, system.data, app, system.folder / "work-tree", say) as scene:
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
