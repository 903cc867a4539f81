"""Whole jobs, run by each executor: with a real git server, a real server for files, real shells and engines."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiodocker
import pytest
import pytest_asyncio
from aiodocker.containers import DockerContainer
from tests.runner.file_server import FileServer, file_server
from tests.runner.git_server import PASSWORD, USER, GitServer, git

from shipline.engine.client import connect
from shipline.engine.labels import OWNER, owned_by
from shipline.engine.reap import reap
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import DockerSection, RunnerSection
from shipline.runner.executor.shell import MARK, marked
from shipline.runner.failure import Result
from shipline.runner.job import JobRun
from shipline.runner.masking import Masker
from shipline.runner.slots import Slot
from shipline.runner.trace import Trace

IMAGE = "debian:bookworm"
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    result: Result
    log: str

    @property
    def good(self) -> bool:
        return not self.result.failure_reason

    @property
    def lines(self) -> list[str]:
        """What was printed, without sections and commands."""
        clean = re.sub(r"section_\w+:\d+:[\w\[\]=,]+\r\x1b\[0K", "", self.log)
        return [line for line in clean.splitlines() if line and not line.startswith("\x1b[32;1m$")]


@dataclass
class Place:
    """Where jobs run. `host` is this machine from where they run."""

    kind: str
    host: str
    git: GitServer
    files: FileServer
    section: RunnerSection
    docker: aiodocker.Docker | None
    trace: Trace = field(default_factory=lambda: Trace(Masker([]), 4 << 20, time.time))
    run_now: JobRun | None = None

    def payload(self, script: list[str], **fields: Any) -> JobPayload:
        variables = {"GIT_STRATEGY": "empty", "CI_JOB_NAME": "test"} | fields.pop("variables", {})
        after = fields.pop("after_script", None)
        more = fields.pop("more_variables", [])
        steps = [{"name": "script", "script": script}]
        steps += [{"name": "after_script", "script": after}] if after else []
        return JobPayload.model_validate(
            {
                "id": 7,
                "token": PASSWORD,
                "job_info": {"name": "test", "project_id": 3, "project_full_path": "acme/app"},
                "git_info": {
                    "repo_url": f"http://{USER}:{PASSWORD}@outer.example/acme/app.git",
                    "ref": "main",
                    "sha": "a" * 40,
                },
                "runner_info": {"timeout": 120},
                "variables": [*({"key": key, "value": value} for key, value in variables.items()), *more],
                "steps": steps,
                "image": {"name": IMAGE},
                **fields,
            }
        )

    def job(self, payload: JobPayload, slot: Slot | None = None) -> JobRun:
        """As the manager makes it."""
        masked = [one.value for one in payload.variables if one.masked]
        self.trace = Trace(Masker([*masked, payload.token]), self.section.output_limit * 1024, time.time)
        self.run_now = JobRun(
            payload, self.section, self.trace, self.docker, secrets.token_hex(4), slot=slot or Slot()
        )
        return self.run_now

    async def run(self, *script: str, slot: Slot | None = None, **fields: Any) -> Ended:
        result = await self.job(self.payload(list(script), **fields), slot).run()
        return Ended(result, self.log())

    def log(self) -> str:
        return self.trace.content.decode()

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"{what}; so far:\n{self.log()}"
            await asyncio.sleep(0.02)

    async def containers(self, role: str) -> list[DockerContainer]:
        """What the job that was made last has on the engine in that role."""
        assert self.docker is not None
        assert self.run_now is not None
        found = await self.docker.containers.list(all=True, filters=owned_by(self.section.owner, role))
        return [container for container in found if self.run_now.unique in container["Names"][0]]

    async def touch(self, role: str, path: str) -> None:
        """Make the file that a script waits for in the container of that role."""
        for container in await self.containers(role):
            execution = await container.exec(["touch", path], user="0")
            await execution.start(detach=True)

    async def left(self) -> list[str]:
        """What is there of the job that ran last: processes and secrets, or containers and networks."""
        assert self.run_now is not None
        if self.docker is None:
            files = [str(one) for one in Path(self.section.builds_dir).rglob("*.tmp")]
            return [*files, *map(str, marked(f"{MARK}={self.run_now.unique}"))]
        filters = {"label": [f"{OWNER}={self.section.owner}"]}
        containers = await self.docker.containers.list(all=True, filters=filters)
        networks = await self.docker.networks.list(filters=filters)
        return [*(one["Id"] for one in containers), *(one["Id"] for one in networks)]

    def configure(self, **fields: Any) -> None:
        self.section = replace(self.section, **fields)

    def configure_docker(self, **fields: Any) -> None:
        self.configure(docker=replace(self.section.docker, **fields))

    def repository(self, **files: str) -> dict[str, Any]:
        """A repository for acme/app; the payload's git_info for its newest commit."""
        work = self.git.create("acme/app", {"README": "hello", **files})
        return self.at(git("rev-parse", "HEAD", folder=work))

    def at(self, sha: str) -> dict[str, Any]:
        return {
            "repo_url": f"http://{USER}:{PASSWORD}@outer.example/acme/app.git",
            "ref": "main",
            "sha": sha,
            "refspecs": ["+refs/heads/main:refs/remotes/origin/main"],
            "depth": 20,
        }


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[GitServer, FileServer]]:
    with file_server(tmp_path / "server", "0.0.0.0") as (files, repositories):
        yield repositories, files


def docker_host() -> str:
    found = os.environ.get("DOCKER_HOST", "")
    if not found:
        pytest.fail("No DOCKER_HOST: run these with `shipline host run -- pytest -m engine`.")
    return found


@pytest_asyncio.fixture
async def shell(tmp_path: Path, served: tuple[GitServer, FileServer]) -> AsyncIterator[Place]:
    repositories, files = served
    section = RunnerSection(
        "a runner",
        files.url(),
        "glrt-0123456789abc",
        executor="shell",
        clone_url=files.url(),
        builds_dir=str(tmp_path / "builds"),
        cache_dir=str(tmp_path / "cache"),
    )
    place = Place("shell", "127.0.0.1", repositories, files, section, None)
    yield place
    if place.run_now is not None:
        assert marked(f"{MARK}={place.run_now.unique}") == []


@pytest_asyncio.fixture
async def engine(served: tuple[GitServer, FileServer]) -> AsyncIterator[Place]:
    repositories, files = served
    owner = f"test-{secrets.token_hex(4)}"
    async with connect(docker_host()) as docker:
        bridge = await (await docker.networks.get("bridge")).show()
        host = bridge["IPAM"]["Config"][0]["Gateway"]
        section = RunnerSection(
            "a runner",
            files.url(host=host),
            f"glrt-{secrets.token_hex(8)}",
            clone_url=files.url(host=host),
            owner=owner,
            docker=DockerSection(image=IMAGE, pull_policy=("if-not-present",)),
        )
        yield Place("docker", host, repositories, files, section, docker)
        left = await reap(docker, owner)
        assert (left.containers, left.networks) == (0, 0)


@pytest.fixture(params=["shell", pytest.param("docker", marks=pytest.mark.engine)])
def place(request: pytest.FixtureRequest) -> Place:
    """Each executor keeps the same contract."""
    found: Place = request.getfixturevalue("shell" if request.param == "shell" else "engine")
    return found
