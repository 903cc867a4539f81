"""A connection to a Docker Engine, and its errors in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodocker
import aiohttp

from shipline.errors import EngineError, EngineUnavailable


@asynccontextmanager
async def connect(docker_host: str) -> AsyncIterator[aiodocker.Docker]:
    """An open connection to the engine at `docker_host` (`unix:///path` or `tcp://host:port`).

    Raises EngineUnavailable when nothing answers there.
    """
    docker = aiodocker.Docker(url=docker_host)
    try:
        try:
            await docker.version()
        except (aiohttp.ClientError, OSError, aiodocker.DockerError) as error:
            raise EngineUnavailable(
                f"No Docker Engine answers at {docker_host}.",
                hint="Start one, or set DOCKER_HOST to the one you have.",
            ) from error
        yield docker
    finally:
        await docker.close()


@asynccontextmanager
async def translated(what: str) -> AsyncIterator[None]:
    """Turns what aiodocker raises inside into EngineError, with `what` was tried in front."""
    try:
        yield
    except aiodocker.DockerError as error:
        raise EngineError(f"{what}: {error.message}") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise EngineUnavailable(f"{what}: the Docker Engine went away ({error}).") from error
