"""Starts what a JobSpec says, runs scripts in it, and takes everything away again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiodocker
import aiohttp
from aiodocker.containers import DockerContainer
from aiodocker.networks import DockerNetwork
from aiodocker.stream import Stream

from shipline.engine.client import translated
from shipline.engine.images import Credentials, PulledImage, find_image, pull_image
from shipline.errors import EngineError, EngineUnavailable
from shipline.runner.executor.spec import ContainerSpec, JobSpec

Output = Callable[[bytes], None]
_Made = TypeVar("_Made")
STOP_SECONDS = 2
CLEAN_SECONDS = 60.0


@dataclass
class Executor:
    """One job's containers. `credentials` are per registry name; `aliases` as in engine.images."""

    docker: aiodocker.Docker
    spec: JobSpec
    credentials: Mapping[str, Credentials]
    aliases: Mapping[str, str]
    say: Callable[[str], None]
    _making: set[asyncio.Future[Any]] = field(default_factory=set)

    @asynccontextmanager
    async def ground(self) -> AsyncIterator[None]:
        """The job's network and volume; whatever is on them goes with them."""
        try:
            async with translated("creating the job's network and volume"):
                await asyncio.gather(
                    self._to_the_end(self.docker.networks.create(dict(self.spec.network))),
                    self._to_the_end(self.docker.volumes.create(dict(self.spec.volume))),
                )
            yield
        finally:
            # A cancelled job must be cleaned up all the same; an engine that hangs must not hold us.
            with contextlib.suppress(TimeoutError, EngineError):
                async with asyncio.timeout(CLEAN_SECONDS):
                    await asyncio.shield(asyncio.ensure_future(self._clean()))

    async def _to_the_end(self, making: Awaitable[_Made]) -> _Made:
        """The engine goes on making what it was asked for when nobody waits for the answer any more. So we do
        wait, when we clean up, else it would appear after that."""
        task = asyncio.ensure_future(making)
        self._making.add(task)
        task.add_done_callback(self._making.discard)
        return await asyncio.shield(task)

    async def _clean(self) -> None:
        await asyncio.gather(*self._making, return_exceptions=True)
        async with translated("removing the job's containers"):
            names = [self.spec.helper.name, self.spec.build.name]
            names += [service.container.name for service in self.spec.services]
            await asyncio.gather(*(_gone(self.docker.containers.container(name)) for name in names))
            with contextlib.suppress(aiodocker.DockerError):
                await DockerNetwork(self.docker, self.spec.name).delete()
            with contextlib.suppress(aiodocker.DockerError):
                await aiodocker.volumes.DockerVolume(self.docker, self.spec.name).delete()

    async def image(self, spec: ContainerSpec) -> PulledImage:
        """The container's image by its pull policies, each tried in turn. Raises EngineError."""
        registry = spec.image.partition("/")[0]
        failure: EngineError | None = None
        for policy in spec.pull_policies or ("always",):
            if policy != "always":
                found = await find_image(self.docker, spec.image, self.aliases)
                if found is not None:
                    self.say(f"Using locally found image {spec.image} ...")
                    return found
                if policy == "never":
                    failure = EngineError(f"image {spec.image} is not there, and its pull policy is never")
                    continue
            self.say(f"Pulling docker image {spec.image} ...")
            try:
                return await pull_image(
                    self.docker, spec.image, aliases=self.aliases, credentials=self.credentials.get(registry)
                )
            except EngineUnavailable:
                raise
            except EngineError as error:
                failure = error
        raise failure or EngineError(f"image {spec.image} has no pull policy")

    async def create(self, spec: ContainerSpec, image: PulledImage) -> DockerContainer:
        async with translated(f"creating a container of {spec.image}"):
            config = {**spec.config, "Image": image.id}
            return await self._to_the_end(self.docker.containers.create(config, name=spec.name))

    async def start(self, spec: ContainerSpec, image: PulledImage) -> DockerContainer:
        container = await self.create(spec, image)
        async with translated(f"starting a container of {spec.image}"):
            await container.start()
        return container

    async def run_script(self, container: DockerContainer, script: str, output: Output) -> int:
        """Start a created (or stopped) container with `script` on its stdin; its exit code."""
        async with translated("running the script"):
            async with container.attach(stdin=True, stdout=True, stderr=True) as stream:
                await container.start()
                await stream.write_in(script.encode(errors="surrogateescape"))
                await _copy(stream, output)
            ended = await container.wait()
        return int(ended["StatusCode"])

    async def run_in_helper(
        self,
        container: DockerContainer,
        words: Sequence[str],
        output: Output,
        environment: Mapping[str, str],
    ) -> int:
        """A command in the helper; its exit code. Secrets come by environment, never by `words`."""
        async with translated("running in the helper"):
            execution = await container.exec(
                list(words), environment=[f"{key}={value}" for key, value in environment.items()]
            )
            async with execution.start(detach=False) as stream:
                await _copy(stream, output)
            details = await execution.inspect()
        return int(details["ExitCode"] if details["ExitCode"] is not None else -1)

    async def last_lines(self, container: DockerContainer, count: int) -> list[str]:
        with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError):
            lines = await container.log(stdout=True, stderr=True, tail=count)
            return [line.rstrip("\n") for line in lines]
        return []

    async def stop(self, container: DockerContainer) -> None:
        """SIGTERM, then SIGKILL."""
        with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError):
            await container.stop(t=STOP_SECONDS)

    async def state(self, container: DockerContainer) -> Mapping[str, Any]:
        async with translated("looking at a container"):
            details = await container.show()
        state: Mapping[str, Any] = details["State"]
        return state


async def _copy(stream: Stream, output: Output) -> None:
    while message := await stream.read_out():
        output(message.data)


async def _gone(container: DockerContainer) -> None:
    with contextlib.suppress(aiodocker.DockerError):
        await container.delete(force=True, v=True)
