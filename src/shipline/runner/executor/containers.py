"""Containers of one job on an engine: made, started, looked at, removed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiodocker
import aiohttp
from aiodocker.containers import DockerContainer
from aiodocker.networks import DockerNetwork
from aiodocker.stream import Stream
from aiodocker.volumes import DockerVolume

from shipline.engine.client import translated
from shipline.engine.images import PulledImage
from shipline.runner.executor.protocol import Output
from shipline.runner.executor.spec import ContainerSpec, JobSpec

_Made = TypeVar("_Made")
STOP_SECONDS = 2
TERM_SECONDS = 10.0


@dataclass
class Containers:
    docker: aiodocker.Docker
    _making: set[asyncio.Future[Any]] = field(default_factory=set)

    async def to_the_end(self, making: Awaitable[_Made]) -> _Made:
        """The engine goes on making what it was asked for when nobody waits for the answer any more. So we do
        wait, when we clean up, else it would appear after that."""
        task = asyncio.ensure_future(making)
        self._making.add(task)
        task.add_done_callback(self._making.discard)
        return await asyncio.shield(task)

    async def create(self, spec: ContainerSpec, image: PulledImage) -> DockerContainer:
        async with translated(f"creating a container of {spec.image}"):
            config = {**spec.config, "Image": image.id}
            return await self.to_the_end(self.docker.containers.create(config, name=spec.name))

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

    async def execute(
        self, container: DockerContainer, words: Sequence[str], stdin: bytes, output: Output
    ) -> int:
        """A command in a running container; its exit code. Secrets come by `stdin`, never by `words`."""
        async with translated("running in the helper"):
            execution = await container.exec(list(words), stdin=True, user="0")
            async with execution.start(detach=False) as stream:
                await stream.write_in(stdin)
                await _copy(stream, output)
            details = await execution.inspect()
        return int(details["ExitCode"] if details["ExitCode"] is not None else -1)

    async def end_script(self, container: DockerContainer, shell: Sequence[str]) -> None:
        """SIGTERM to all that runs in it, so that a script can put things in order; then to the container,
        then SIGKILL."""
        with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError, TimeoutError):
            execution = await container.exec([*shell, "kill -TERM 1; kill -TERM -1"], user="0")
            await execution.start(detach=True)
            async with asyncio.timeout(TERM_SECONDS):
                await container.wait()
        with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError):
            await container.stop(t=STOP_SECONDS)

    async def last_lines(self, container: DockerContainer, count: int) -> list[str]:
        with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError):
            lines = await container.log(stdout=True, stderr=True, tail=count)
            return [line.rstrip("\n") for line in lines]
        return []

    async def details(self, container: DockerContainer) -> Mapping[str, Any]:
        async with translated("looking at a container"):
            return await container.show()

    async def clean(self, spec: JobSpec) -> None:
        """Everything of the job but the volumes that stay."""
        await asyncio.gather(*self._making, return_exceptions=True)
        async with translated("removing the job's containers"):
            names = [spec.helper.name, spec.build.name]
            names += [service.container.name for service in spec.services]
            await asyncio.gather(*(self.remove(name) for name in names))
            if spec.network.own:
                with contextlib.suppress(aiodocker.DockerError):
                    await DockerNetwork(self.docker, spec.name).delete()
            for volume in spec.volumes:
                if not volume.kept:
                    with contextlib.suppress(aiodocker.DockerError):
                        await DockerVolume(self.docker, volume.name).delete()

    async def remove(self, name: str) -> None:
        with contextlib.suppress(aiodocker.DockerError):
            await self.docker.containers.container(name).delete(force=True, v=True)


async def _copy(stream: Stream, output: Output) -> None:
    while message := await stream.read_out():
        output(message.data)
