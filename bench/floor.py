"""The engine's floor: the same containers started by hand, through the same API, without shipline."""

from __future__ import annotations

import time
from typing import Any

import aiodocker

from bench.table import Figure
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


def _config(image: str, command: list[str], host: dict[str, Any] | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"Image": image, "Cmd": command, "Labels": labels(OWNER, "bench")}
    if host:
        config["HostConfig"] = host
    return config
