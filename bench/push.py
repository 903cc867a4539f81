"""The figures of a push's way, against the engine's floor for the same containers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from bench import floor, way
from bench.table import Figure, beyond
from shipline.config import DataFolder
from shipline.demo.stage import App, stage, up
from shipline.demo.story import example
from shipline.engine.client import connect
from shipline.host.images import HELPER

IMAGE = "python:3.11-slim"


async def figures(docker_host: str, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Starts a system of its own, ships the example app once, measures, and takes everything down."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shipline-bench-")))
        data = DataFolder(folder / "data")
        docker = await stack.enter_async_context(connect(docker_host))
        status = (await stack.enter_async_context(up(data))).status
        scene = await stack.enter_async_context(
            stage(status, data, App(example("django-postgres")), folder / "app", say)
        )
        say("Shipping the app once")
        _, pipeline = await scene.push("The app", say)
        ended, _ = await scene.follow(pipeline, lambda job: say(f"{job['name']}: {job['status']}"))
        if ended["status"] != "success":
            raise RuntimeError(f"the pipeline ended {ended['status']}")
        url = await scene.service_url()
        say(f"Measuring, {runs} times each")
        token = Path(status["admin_token_file"]).read_text().strip()
        container = await floor.container_running(docker, IMAGE, runs)
        by_hand = await floor.job_by_hand(docker, IMAGE, HELPER, runs)
        boot = await floor.app_start(docker, scene.aws, runs)
        started, job = await way.push_to_job(docker, status, token, IMAGE, folder / "tree", runs)
        moved = await way.redeploy(scene.aws, url, runs)
        return [
            container,
            started,
            beyond("push to first job container, beyond the floor", started, container, 1.0),
            by_hand,
            job,
            beyond("shipline's share of a job, beyond the floor", job, by_hand, 1.0),
            boot,
            moved,
            beyond("redeploy, beyond the app's own start", moved, boot, 2.0),
        ]
