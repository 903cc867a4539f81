"""The demo itself: three pushes. The first ships an app, the second a new version of it under the eyes of a
probe, the third breaks a test and must ship nothing.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiodocker
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from shipline.config import DataFolder
from shipline.demo.aws import SERVICE, Task
from shipline.demo.gitlab import Json
from shipline.demo.probe import probing
from shipline.demo.report import PipelineReport, Report
from shipline.demo.stage import App, Say, Stage, change, only, stage, up
from shipline.engine.client import connect
from shipline.errors import RemoteError

VERSION_FILE = "guestbook/version.py"
BROKEN_TEST = "guestbook/test_third_push.py"
BROKEN_TEST_TEXT = """from django.test import SimpleTestCase


class ThirdPush(SimpleTestCase):
    def test_two_and_two(self):
        self.assertEqual(2 + 2, 5)
"""
ALL_GREEN = {"test": "success", "build": "success", "deploy": "success"}
ONLY_TEST_RED = {"test": "failed", "build": "skipped", "deploy": "skipped"}
GONE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    data: DataFolder
    app: App
    report: Report
    say: Say


async def run(demo: Demo, keep: bool) -> None:
    """The whole story. Raises ShiplineError at the first thing that is not as it must be. With `keep` the
    system stays up when the story has ended well."""
    try:
        await _run(demo, keep)
    except (httpx.HTTPError, BotoCoreError, ClientError) as error:
        raise RemoteError(f"The system does not answer as it should: {error}") from error


async def _run(demo: Demo, keep: bool) -> None:
    report = demo.report
    async with AsyncExitStack() as stack:
        with report.phase("system up"):
            system = await stack.enter_async_context(up(demo.data, demo.app.aliases))
        with report.phase("project, images, cluster"):
            work_tree = demo.data.root / "work-tree"
            scene = await stack.enter_async_context(
                stage(system.status, demo.data, demo.app, work_tree, demo.say)
            )
        await _first_push(demo, scene)
        await _second_push(demo, scene)
        await _third_push(demo, scene)
        report.ok = True
        if keep:
            system.stay()
            _say_where(demo, system.status)
            return
        with report.phase("system down"):
            await stack.aclose()


async def _first_push(demo: Demo, scene: Stage) -> None:
    with demo.report.phase("push 1: the app"):
        await _push(demo, scene, "Add the guestbook", ALL_GREEN)
        demo.report.url = await scene.service_url()
        await _serves(demo.report.url, "version 1")
    demo.say(f"Version 1 answers at {demo.report.url}")


async def _second_push(demo: Demo, scene: Stage) -> None:
    report = demo.report
    before: Task = only(await asyncio.to_thread(scene.aws.running_tasks), "running task")
    report.image_before = before.image_digest
    change(scene.work_tree.folder, VERSION_FILE, '"1"', '"2"')
    with report.phase("push 2: a new version"):
        async with probing(report.url) as probe:
            await _push(demo, scene, "Version 2", ALL_GREEN)
            await _serves(report.url, "version 2")
            await _gone(scene, before)
    report.requests_total, report.requests_failed = probe.total, probe.failed
    report.request_failures, report.slowest_request_seconds = probe.failures, round(probe.slowest_seconds, 3)
    after: Task = only(await asyncio.to_thread(scene.aws.running_tasks), "running task")
    report.image_after = after.image_digest
    report.old_container_gone = True
    demo.say(f"Version 2 answers; {probe.total} requests meanwhile, {probe.failed} failed")
    if probe.failed:
        raise RemoteError(f"{probe.failed} of {probe.total} requests failed: {probe.failures}")
    if report.image_before == report.image_after:
        raise RemoteError(f"The image is still {report.image_after}.")


async def _third_push(demo: Demo, scene: Stage) -> None:
    change(scene.work_tree.folder, VERSION_FILE, '"2"', '"3"')
    (scene.work_tree.folder / BROKEN_TEST).write_text(BROKEN_TEST_TEXT)
    with demo.report.phase("push 3: a broken test"):
        await _push(demo, scene, "Version 3, with a broken test", ONLY_TEST_RED)
        await _serves(demo.report.url, "version 2")
    demo.report.version_served_at_the_end = "2"
    demo.say("The pipeline is red, nothing was deployed, version 2 answers")


async def _push(demo: Demo, scene: Stage, message: str, wanted: dict[str, str]) -> None:
    """Push, follow the pipeline to its end, and hold its jobs against what is wanted."""
    begun, wall = time.monotonic(), time.time()
    sha, pipeline = await scene.push(message, demo.say)
    ended, jobs = await scene.follow(pipeline, lambda job: demo.say(f"{job['name']}: {job['status']}"))
    statuses = {job["name"]: job["status"] for job in jobs}
    url = f"{scene.gitlab.url}/{scene.project['path_with_namespace']}/-/pipelines/{pipeline['id']}"
    seconds = round(time.monotonic() - begun, 2)
    demo.report.pipelines.append(PipelineReport(pipeline["id"], sha, ended["status"], seconds, statuses, url))
    for job in jobs:
        _add_part(demo.report, job, begun - wall)
    if statuses != wanted:
        raise RemoteError(
            f"Pipeline {pipeline['id']} ended {ended['status']} with {statuses}, expected {wanted}.\n"
            + await _why(scene, jobs)
        )


def _add_part(report: Report, job: Json, monotonic_minus_wall: float) -> None:
    if job.get("started_at") and job.get("finished_at"):
        start, end = (datetime.fromisoformat(job[key]).timestamp() for key in ("started_at", "finished_at"))
        report.part(f"{job['name']} #{job['pipeline']['id']}", start + monotonic_minus_wall, end - start)


async def _why(scene: Stage, jobs: list[Json]) -> str:
    """The end of the log of each job that failed."""
    parts = []
    for job in jobs:
        if job["status"] == "failed":
            log = await scene.gitlab.log(scene.project["id"], job["id"])
            parts.append(
                f"--- {job['name']} ({job.get('failure_reason')})\n" + "\n".join(log.splitlines()[-40:])
            )
    return "\n".join(parts)


async def _serves(url: str, text: str) -> None:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = await client.get(url)
    if answer.status_code != 200 or text not in answer.text.lower():
        raise RemoteError(f"{url} answers {answer.status_code} without {text!r}: {answer.text[:200]}")


async def _gone(scene: Stage, task: Task) -> None:
    """Until ECS says that the task has stopped, and the engine that its container is no longer there. Raises
    RemoteError when it stays."""
    deadline = time.monotonic() + GONE_SECONDS
    async with connect(scene.status["docker_host"]) as docker:
        while time.monotonic() < deadline:
            told = await asyncio.to_thread(scene.aws.tasks, [task.arn])
            if all(found.status == "STOPPED" for found in told) and not await _is_there(docker, task):
                return
            await asyncio.sleep(0.2)
    raise RemoteError(f"The old task {task.arn} of {SERVICE} still runs after {GONE_SECONDS:.0f} s.")


async def _is_there(docker: aiodocker.Docker, task: Task) -> bool:
    try:
        await docker.containers.get(task.container_id)
    except aiodocker.DockerError as error:
        if error.status == 404:
            return False
        raise
    return True


def _say_where(demo: Demo, status: Json) -> None:
    demo.say("")
    demo.say(f"The app         {demo.report.url}")
    demo.say(f"Pipelines       {demo.report.pipelines[-1].url.rpartition('/')[0]}")
    demo.say(f"Sign in with    root and the token in {status['admin_token_file']}")
    demo.say(f"Local AWS       {status['aws']['endpoint_url']} (keys: {status['aws']['credentials_file']})")
    demo.say(f"It stays up. See it with: shipline status --data {demo.data.root}")
    demo.say(f"End it with:     shipline down --data {demo.data.root}")


def example(name: str) -> Path:
    """A folder under examples/ of the checkout that this code runs from."""
    folder = Path(__file__).parents[3] / "examples" / name
    if not folder.is_dir():
        raise RemoteError(f"{folder} is not there: the demo needs a checkout of shipline.")
    return folder
