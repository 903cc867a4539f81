"""The way of a push through a running system, in seconds."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiodocker
import httpx

from bench.table import Figure
from shipline.demo.aws import CLUSTER, SERVICE, Aws
from shipline.demo.git import WorkTree
from shipline.demo.gitlab import GitLab, Json
from shipline.engine.labels import ROLE

CONFIG = """\
job:
  image: {image}
  script:
    - "true"
"""


async def push_to_job(
    docker: aiodocker.Docker, status: Json, token: str, image: str, folder: Path, runs: int
) -> tuple[Figure, Figure]:
    """From `git push` to the build container running, and the whole job from hand-out to its end."""
    started, whole = [], []
    async with GitLab(status["coordinator"]["url"], token) as gitlab:
        project = await gitlab.create_project("bench/push", "main")
        folder.mkdir()
        tree = WorkTree(folder, f"{status['coordinator']['url']}/bench/push.git", "root", token)
        await tree.start()
        for number in range(runs):
            (folder / ".gitlab-ci.yml").write_text(CONFIG.format(image=image) + f"# {number}\n")
            sha = await tree.commit(f"push {number}")
            waiting = asyncio.create_task(_build_container_started(docker))
            await asyncio.sleep(0)
            begun = time.monotonic()
            await tree.push()
            started.append(await asyncio.wait_for(waiting, 60) - begun)
            pipeline = await gitlab.pipeline_of(project["id"], sha)
            ended, jobs = await gitlab.follow(project["id"], pipeline["id"], lambda job: None, 120)
            if ended["status"] != "success":
                raise RuntimeError(await gitlab.log(project["id"], jobs[0]["id"]))
            whole.append(float(jobs[0]["duration"]))
    return (
        Figure(f"push to first job container running ({image})", tuple(started)),
        Figure("a job that runs `true`, from hand-out to its end", tuple(whole)),
    )


async def _build_container_started(docker: aiodocker.Docker) -> float:
    subscriber = docker.events.subscribe()
    while True:
        event = await subscriber.get()
        if event is None:
            raise RuntimeError("the engine's event stream ended")
        attributes = event.get("Actor", {}).get("Attributes", {})
        if event.get("Action") == "start" and attributes.get(ROLE) == "job-build":
            return time.monotonic()


async def redeploy(aws: Aws, url: str, runs: int) -> Figure:
    """From UpdateService to the first answer by a new container."""
    seconds = []
    async with httpx.AsyncClient(timeout=10, trust_env=False, headers={"Connection": "close"}) as client:
        for _ in range(runs):
            before = (await client.get(url)).headers.get("x-container", "")
            begun = time.monotonic()
            await asyncio.to_thread(
                aws.ecs.update_service, cluster=CLUSTER, service=SERVICE, forceNewDeployment=True
            )
            while (await client.get(url)).headers.get("x-container", "") == before:
                if time.monotonic() - begun > 120:
                    raise RuntimeError("the new container never took the traffic")
                await asyncio.sleep(0.02)
            seconds.append(time.monotonic() - begun)
            await asyncio.to_thread(aws.wait_until_stable, SERVICE, lambda line: None)
    return Figure("redeploy: UpdateService to traffic moved", tuple(seconds))
