"""A coordinator of its own with projects that are pushed to by git, and a runner that the test plays itself."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from shipline.config import DataFolder
from shipline.demo.git import WorkTree
from shipline.demo.gitlab import GitLab, Json

START_SECONDS = 180.0


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 60.0) -> Any:
    """What `condition` answers, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, "that did not come true in time"
        await asyncio.sleep(0.02)
    return found


@dataclass
class Coordinator:
    """`shipline coordinator` as it runs, with its administrator's token."""

    url: str
    data: DataFolder

    @property
    def token(self) -> str:
        return self.data.admin_token.read_text().strip()


@asynccontextmanager
async def coordinator(folder: Path, port: int) -> AsyncIterator[Coordinator]:
    data = DataFolder(folder)
    words = ("-m", "shipline", "coordinator", "--data", str(folder), "--port", str(port))
    process = await asyncio.create_subprocess_exec(sys.executable, *words)
    started = Coordinator(f"http://127.0.0.1:{port}", data)
    try:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def answers() -> bool:
                assert process.returncode is None, "the coordinator ended; its output says why"
                try:
                    return (await client.get(f"{started.url}/-/readiness")).is_success
                except httpx.TransportError:
                    return False

            await until(answers, START_SECONDS)
        yield started
    finally:
        process.terminate()
        await process.wait()


@dataclass
class TakenJob:
    """A job in our hands: its log grows and it ends as we say."""

    client: httpx.AsyncClient
    payload: Json
    size: int = 0

    @property
    def name(self) -> str:
        return str(self.payload["job_info"]["name"])

    @property
    def id(self) -> int:
        return int(self.payload["id"])

    async def say(self, text: str) -> None:
        """The log goes on with `text`."""
        content = text.encode()
        last = self.size + len(content) - 1
        headers = {"JOB-TOKEN": self.payload["token"], "Content-Range": f"{self.size}-{last}"}
        answer = await self.client.patch(f"jobs/{self.id}/trace", content=content, headers=headers)
        assert answer.status_code == 202, answer.text
        self.size += len(content)

    async def end(self, state: str = "success", **facts: Any) -> None:
        body = {"token": self.payload["token"], "state": state, **facts}
        answer = await self.client.put(f"jobs/{self.id}", json=body)
        assert answer.status_code == 200, answer.text

    async def upload(self, name: str, content: bytes, **kind: str) -> None:
        answer = await self.client.post(
            f"jobs/{self.id}/artifacts",
            params=kind,
            headers={"JOB-TOKEN": self.payload["token"]},
            files={"file": (name, content)},
        )
        assert answer.status_code == 201, answer.text


@dataclass
class PlayedRunner:
    """A registered runner without a program behind it."""

    client: httpx.AsyncClient
    token: str

    async def take(self) -> TakenJob:
        """The oldest pending job."""

        async def one() -> TakenJob | None:
            # Without this word a runner gets no job that leaves reports.
            info = {"features": {"upload_multiple_artifacts": True}}
            answer = await self.client.post("jobs/request", json={"token": self.token, "info": info})
            return TakenJob(self.client, answer.json()) if answer.status_code == 201 else None

        return TakenJob(self.client, (await until(one)).payload)

    async def take_all(self, *names: str) -> dict[str, TakenJob]:
        """Jobs by name; takes as many as there are names, and expects just these."""
        taken = [await self.take() for _ in names]
        assert {job.name for job in taken} == set(names)
        return {job.name: job for job in taken}


@dataclass
class Project:
    """A project with a work tree; what is pushed to it gets a pipeline."""

    gitlab: GitLab
    facts: Json
    work_tree: WorkTree

    @property
    def id(self) -> int:
        return int(self.facts["id"])

    @property
    def path(self) -> str:
        return str(self.facts["path_with_namespace"])

    async def push(self, configuration: str, title: str = "A change", branch: str = "main") -> int:
        """Commit this `.gitlab-ci.yml`; answers the number of the pipeline."""
        (self.work_tree.folder / ".gitlab-ci.yml").write_text(configuration)
        # A commit always has something new in it.
        (self.work_tree.folder / "changes").write_text(f"{time.monotonic_ns()}\n")
        sha = await self.work_tree.commit(title)
        await self.work_tree.push(branch)
        return int((await self.gitlab.pipeline_of(self.id, sha))["id"])

    async def job(self, pipeline: int, name: str) -> int:
        """The number of the newest attempt."""
        jobs = await self.gitlab.call("GET", f"projects/{self.id}/pipelines/{pipeline}/jobs?per_page=100")
        return max(int(job["id"]) for job in jobs if job["name"] == name)

    async def runner(self, client: httpx.AsyncClient, **facts: Any) -> PlayedRunner:
        """A runner of this project alone, so that tests do not take one another's jobs."""
        body = {"runner_type": "project_type", "project_id": self.id, "run_untagged": True, **facts}
        made = await self.gitlab.call("POST", "user/runners", body)
        return PlayedRunner(client, made["token"])

    def page(self, rest: str = "") -> str:
        return f"{self.gitlab.url}/{self.path}{rest}"


async def open_project(
    started: Coordinator, gitlab: GitLab, path: str, folder: Path, visibility: str = "private"
) -> Project:
    """A project with an empty work tree; only main is protected."""
    namespace, _, name = path.rpartition("/")
    body = {"name": name, "path": name, "namespace_path": namespace, "visibility": visibility}
    facts = await gitlab.call("POST", "projects", body)
    protected = f"projects/{facts['id']}/protected_branches"
    if not await gitlab.call("GET", protected):
        await gitlab.call("POST", protected, {"name": "main"})
    folder.mkdir(parents=True)
    work_tree = WorkTree(folder, f"{started.url}/{path}.git", "root", started.token)
    await work_tree.start()
    return Project(gitlab, facts, work_tree)
