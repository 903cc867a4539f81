"""The engine's floor: the same containers started by hand, through the same API, without shipline."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiodocker
import httpx

from bench.table import Figure
from shipline.demo.aws import Aws
from shipline.demo.stage import HEALTH_PATH, PORT
from shipline.engine.labels import labels

OWNER = "shipline-bench"


async def container_running(docker: aiodocker.Docker, image: str, runs: int) -> Figure:
    """Create and start one container: what `docker run` needs until its process runs."""
    seconds = []
    for _ in range(runs):
        begun = time.monotonic()
        container = await docker.containers.create(_config(image, ["sleep", "60"]))
        try:
            await container.start()
            seconds.append(time.monotonic() - begun)
        finally:
            await container.delete(force=True, v=True)
    return Figure(f"floor: create and start a container of {image}", tuple(seconds))


async def job_by_hand(docker: aiodocker.Docker, image: str, helper: str, runs: int) -> Figure:
    """A job's containers by hand: network, volume, helper, build container that runs `true`; then all removed."""
    seconds = []
    for number in range(runs):
        begun = time.monotonic()
        name = f"{OWNER}-{number}"
        marks = labels(OWNER, "bench")
        network = await docker.networks.create({"Name": name, "Labels": marks})
        volume = await docker.volumes.create({"Name": name, "Labels": marks})
        host = {"NetworkMode": name, "Binds": [f"{name}:/builds"]}
        first = await docker.containers.create(_config(helper, ["sleep", "60"], host))
        await first.start()
        build = await docker.containers.create(_config(image, ["true"], host))
        await build.start()
        await build.wait()
        await build.delete(force=True, v=True)
        await first.delete(force=True, v=True)
        await network.delete()
        await volume.delete()
        seconds.append(time.monotonic() - begun)
    return Figure("floor: a job's containers by hand", tuple(seconds))


async def app_start(docker: aiodocker.Docker, aws: Aws, runs: int) -> Figure:
    """The app's own start: a container like the one of the running task, by hand, until it says it is healthy."""
    (task,) = aws.running_tasks()
    details = await (await docker.containers.get(task.container_id)).show()
    network = next(iter(details["NetworkSettings"]["Networks"]))
    config = {
        "Image": details["Image"],
        "Env": details["Config"]["Env"],
        "Labels": labels(OWNER, "bench"),
        "HostConfig": {"NetworkMode": network, "ExtraHosts": details["HostConfig"]["ExtraHosts"] or []},
    }
    seconds = []
    for _ in range(runs):
        begun = time.monotonic()
        container = await docker.containers.create(config)
        try:
            await container.start()
            address = (await container.show())["NetworkSettings"]["Networks"][network]["IPAddress"]
            await _healthy(f"http://{address}:{PORT}{HEALTH_PATH}", begun)
            seconds.append(time.monotonic() - begun)
        finally:
            await container.delete(force=True, v=True)
    return Figure("floor: the app's own start, by hand", tuple(seconds))


async def _healthy(url: str, begun: float) -> None:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() - begun < 60:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)
    raise RuntimeError(f"{url} never answered")


def _config(image: str, command: list[str], host: dict[str, Any] | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"Image": image, "Cmd": command, "Labels": labels(OWNER, "bench")}
    if host:
        config["HostConfig"] = host
    return config
