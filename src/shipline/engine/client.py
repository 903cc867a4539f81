"""A connection to a Docker Engine, and its errors in our words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodocker
import aiohttp

from shipline.errors import EngineError, EngineUnavailable

CHECK_SECONDS = 10.0


@asynccontextmanager
async def connect(docker_host: str) -> AsyncIterator[aiodocker.Docker]:
    """An open connection to the engine at `docker_host` (`unix:///path` or `tcp://host:port`).

    Raises EngineUnavailable when nothing answers there.
    """
    docker = aiodocker.Docker(url=docker_host)
    try:
        await check(docker)
        yield docker
    finally:
        await docker.close()


async def check(docker: aiodocker.Docker) -> None:
    """Raises EngineUnavailable when the engine does not answer."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await docker.version()
    except (aiohttp.ClientError, OSError, aiodocker.DockerError, TimeoutError) as error:
        raise EngineUnavailable(
            f"No Docker Engine answers at {docker.docker_host}.",
            hint="Start one, or set DOCKER_HOST to the one you have.",
        ) from error


@asynccontextmanager
async def translated(what: str) -> AsyncIterator[None]:
    """Turns what aiodocker raises inside into EngineError, with `what` was tried in front."""
    try:
        yield
    except aiodocker.DockerError as error:
        raise EngineError(f"{what}: {error.message}") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise EngineUnavailable(f"{what}: the Docker Engine went away ({error}).") from error
