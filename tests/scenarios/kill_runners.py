"""The runners that are killed, with everything of theirs on an engine under an owner of their own."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.coordinator.server import Project
from tests.runner.process import Manager

from shipline.engine.client import connect
from shipline.engine.labels import OWNER, ROLE
from shipline.engine.reap import reap
from shipline.runner.engines import ROLES
from shipline.supervisor.system import bridge_gateway


@contextmanager
def managing_with_engine(
    folder: Path, project: Project, concurrent: int, docker_host: str
) -> Iterator[Manager]:
    """A runner with what is its own; nothing of it stays."""
    folder.mkdir()
    manager = Manager(folder / "config.toml")
    coordinator = project.coordinator
    lines = [
        f"concurrent = {concurrent}",
        "check_interval = 1",
        "[[runners]]",
        f'name = "{folder.name}"',
        f'url = "{coordinator.url}"',
        f'clone_url = "{coordinator.container_url}"',
        f'token = "{project.runner(description=folder.name).token}"',
        f'owner = "{owner_of(manager)}"',
        "[runners.docker]",
        f'host = "{docker_host}"',
        'pull_policy = ["if-not-present"]',
    ]
    manager.config.write_text("\n".join(lines) + "\n")
    try:
        manager.start()
        yield manager
        assert manager.end(signal.SIGTERM) == 0, manager.log[-3000:]
    finally:
        if manager.process is not None and manager.process.poll() is None:
            manager.process.kill()
            manager.process.wait()
        remove(docker_host, owner_of(manager))


def owner_of(manager: Manager) -> str:
    """No two runs have the same."""
    path = manager.config.parent / "owner"
    if not path.exists():
        path.write_text(f"kills-{random.SystemRandom().getrandbits(48):012x}")
    return path.read_text()


async def gateway(docker_host: str) -> str:
    async with connect(docker_host) as docker:
        return await bridge_gateway(docker)


async def left_on_the_engine(docker_host: str, owners: list[str]) -> list[str]:
    """Containers, networks and volumes with one of these owners; but what is kept for jobs to come."""
    found = []
    async with connect(docker_host) as docker:
        for owner in owners:
            filters = {"label": [f"{OWNER}={owner}"]}
            containers = await docker.containers.list(all=True, filters=filters)
            found += [f"container {one['Names'][0]} ({one['State']})" for one in containers]
            found += [f"network {one['Name']}" for one in await docker.networks.list(filters=filters)]
            volumes = (await docker.volumes.list(filters=filters)).get("Volumes") or []
            found += [f"volume {one['Name']}" for one in volumes if one["Labels"].get(ROLE) in ROLES]
    return found


def remove(docker_host: str, owner: str) -> None:
    """Whatever went wrong, this run's things do not stay."""

    async def removed() -> None:
        async with connect(docker_host) as docker:
            await reap(docker, owner)

    asyncio.run(removed())
