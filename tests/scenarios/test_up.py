"""The system goes down in ways that nobody asked for, and comes up again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.scenarios.conftest import IMAGE, Project, System, open_project
from tests.scenarios.engine_proxy import EngineProxy

from shipline.config import DataFolder
from shipline.demo.gitlab import GitLab, Json
from shipline.engine.client import connect
from shipline.engine.labels import OWNER

pytestmark = [pytest.mark.scenario, pytest.mark.asyncio(loop_scope="session")]

LONG = f"long:\n  image: {IMAGE}\n  script: [echo begun, sleep 600]\n"
SHORT = f"short:\n  image: {IMAGE}\n  script: echo well\n"


async def shipline(*words: str, docker_host: str) -> tuple[int, str]:
    """Run a verb; its exit code and all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shipline", *words, env=os.environ | {"DOCKER_HOST": docker_host},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@asynccontextmanager
async def life(folder: Path, docker_host: str) -> AsyncIterator[System]:
    """`shipline up --detach`; ended by `shipline down` if it still runs then."""
    data = DataFolder(folder / "data")
    code, said = await shipline(
        "up", "--detach", "--format", "json", "--data", str(data.root), docker_host=docker_host
    )
    assert code == 0, said
    try:
        yield System(json.loads(said.splitlines()[-1]), data, folder)
    finally:
        await shipline("down", "--data", str(data.root), docker_host=docker_host)


async def containers(data: DataFolder, docker_host: str) -> list[str]:
    async with connect(docker_host) as docker:
        found = await docker.containers.list(all=True, filters={"label": [f"{OWNER}={data.owner()}"]})
        return [container["Names"][0] for container in found]


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - the condition is in another process
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s: {what}")


async def begin(project: Project) -> Json:
    """Push a job that never ends, and wait until it is at it."""
    _, sha = await project.push_only({".gitlab-ci.yml": LONG})
    number = project.project["id"]
    pipeline = await project.gitlab.pipeline_of(number, sha)
    (job,) = await project.gitlab.call("GET", f"projects/{number}/pipelines/{pipeline['id']}/jobs")

    async def begun() -> bool:
        return "\nbegun" in await project.gitlab.log(number, job["id"])

    await until(begun, "the job has begun")
    return pipeline


async def interrupted(gitlab: GitLab, project: int, pipeline: Json) -> str:
    """Follow the pipeline to its end, which is the runner's failure; the log of its only job."""
    ended, (job,) = await gitlab.follow(project, pipeline["id"], lambda job: None, 60)
    assert ended["status"] == "failed"
    # It was told by the runner that was ended, or by its next life if it was killed.
    assert job["failure_reason"] in ("runner_interrupted", "runner_system_failure")
    return await gitlab.log(project, job["id"])


async def test_what_was_killed_comes_up_again_with_everything_it_knew(
    tmp_path: Path, docker_host: str
) -> None:
    async with life(tmp_path, docker_host) as first, GitLab(first.url, first.token) as gitlab:
        project = await open_project(first, gitlab, "acme/app", tmp_path / "tree")
        pipeline = await begin(project)
        os.kill(first.status["pid"], signal.SIGKILL)

        async def all_gone() -> bool:
            return not await containers(first.data, docker_host)

        await until(all_gone, "nothing is left of what was killed")
    async with life(tmp_path, docker_host) as second, GitLab(second.url, second.token) as gitlab:
        assert second.token == first.token
        log = await interrupted(gitlab, project.project["id"], pipeline)
        assert "begun" in log
        project.gitlab = gitlab
        ended = await project.push({".gitlab-ci.yml": SHORT})
        assert ended.pipeline["status"] == "success"
        assert ended.pipeline["id"] == pipeline["id"] + 1
        owner = second.data
    assert await containers(owner, docker_host) == []


async def test_a_runner_that_is_killed_is_started_again_and_tells_the_end_of_its_job(
    system: System, docker_host: str, tmp_path: Path
) -> None:
    async with GitLab(system.url, system.token) as gitlab:
        project = await open_project(system, gitlab, "killed/runner", tmp_path / "tree")
        pipeline = await begin(project)
        before = set(await containers(system.data, docker_host))
        code, said = await shipline(
            "status", "--format", "json", "--data", str(system.data.root), docker_host=docker_host
        )
        assert code == 0
        os.kill(json.loads(said)["programs"]["runner"], signal.SIGKILL)
        log = await interrupted(gitlab, project.project["id"], pipeline)
        assert "the runner was killed" in log
        ended = await project.push({".gitlab-ci.yml": SHORT})
        assert ended.pipeline["status"] == "success"
        jobs = {name for name in before if "runner-" in name}
        assert jobs
        assert not jobs & set(await containers(system.data, docker_host))


async def test_a_job_whose_engine_goes_away_fails_and_the_next_one_runs_when_it_is_back(
    tmp_path: Path, docker_host: str
) -> None:
    proxy = EngineProxy(tmp_path / "engine.sock", docker_host)
    await proxy.restore()
    async with life(tmp_path, proxy.docker_host) as system, GitLab(system.url, system.token) as gitlab:
        project = await open_project(system, gitlab, "acme/app", tmp_path / "tree")
        pipeline = await begin(project)
        await proxy.cut()
        log = await interrupted(gitlab, project.project["id"], pipeline)
        assert "engine" in log.lower()
        await proxy.restore()
        ended = await project.push({".gitlab-ci.yml": SHORT})
        assert ended.pipeline["status"] == "success", ended.logs
        data = system.data
    assert await containers(data, docker_host) == []
    await proxy.cut()


async def test_a_second_system_on_one_data_folder_is_refused(system: System, docker_host: str) -> None:
    code, said = await shipline("up", "--data", str(system.data.root), docker_host=docker_host)
    assert code != 0
    assert "runs already" in said
    assert "shipline down" in said


async def test_down_ends_everything_and_is_content_when_nothing_runs(
    tmp_path: Path, docker_host: str
) -> None:
    async with life(tmp_path, docker_host) as system:
        words = ("--data", str(system.data.root))
        code, said = await shipline("down", *words, docker_host=docker_host)
        assert code == 0, said
        for name, pid in system.status["programs"].items():
            assert not Path(f"/proc/{pid}").exists(), name
        assert await containers(system.data, docker_host) == []
        code, said = await shipline("status", "--format", "json", *words, docker_host=docker_host)
        assert json.loads(said)["running"] is False
        code, said = await shipline("down", *words, docker_host=docker_host)
        assert code == 0, said
