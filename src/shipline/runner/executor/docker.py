"""The docker executor: one helper container, one build container, services, on one network."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiodocker
from aiodocker.containers import DockerContainer

from shipline.engine.client import translated
from shipline.engine.images import PulledImage
from shipline.errors import EngineError
from shipline.runner.executor.containers import Containers
from shipline.runner.executor.helper_files import HELPER_PATH, program_archive
from shipline.runner.executor.images import Images
from shipline.runner.executor.protocol import Output
from shipline.runner.executor.services import Services
from shipline.runner.executor.spec import JobSpec
from shipline.runner.folders import Folders
from shipline.runner.script import quote
from shipline.runner.trace import Trace
from shipline.runner.uncancelled import to_its_end

CLEAN_SECONDS = 60.0


@dataclass
class DockerExecutor:
    """`service_seconds`: how long services are waited for; `section_attempts`: how often a script is tried
    whose container vanished."""

    docker: aiodocker.Docker
    spec: JobSpec
    folders: Folders
    images: Images
    trace: Trace
    service_seconds: int = 30
    section_attempts: int = 1
    debug_services: bool = False
    name: str = "docker"
    containers: Containers = field(init=False)
    services: Services = field(init=False)
    _helper: DockerContainer | None = None
    _image: PulledImage | None = None
    _build: asyncio.Future[DockerContainer] | None = None

    def __post_init__(self) -> None:
        self.containers = Containers(self.docker)
        self.services = Services(
            self.containers, self.images, self.spec.network, self.trace, self.debug_services
        )

    @property
    def keeps_files(self) -> bool:
        own = [volume for volume in self.spec.volumes if volume.path == self.folders.builds]
        return not own or any(volume.kept for volume in own)

    @asynccontextmanager
    async def ground(self) -> AsyncIterator[None]:
        """The job's network and volumes; whatever is on them goes with them."""
        try:
            async with translated("creating the job's network and volumes"):
                network, volumes = self.spec.network.body, self.spec.volumes
                await asyncio.gather(
                    *([self.containers.to_the_end(self._network(network))] if network else []),
                    *(
                        self.containers.to_the_end(
                            self.docker.volumes.create({"Name": one.name, "Labels": dict(one.labels)})
                        )
                        for one in volumes
                    ),
                )
            yield
        finally:
            # However often the job is cancelled; an engine that hangs must not hold us.
            with contextlib.suppress(EngineError):
                await to_its_end(self._clean(), CLEAN_SECONDS)

    async def _network(self, body: Mapping[str, Any]) -> None:
        await self.docker.networks.create(dict(body))

    async def _clean(self) -> None:
        await self.services.end()
        if self._build is not None:
            await asyncio.gather(self._build, return_exceptions=True)
        await self.containers.clean(self.spec)

    async def prepare(self) -> None:
        """The helper, the services and the build image, at the same time."""
        self.trace.line(f"Using Docker executor with image {self.spec.build.image} ...")
        for warning in self.spec.warnings:
            self.trace.line(warning)
        apart = self.spec.network.knows_aliases or not self.spec.services
        first: list[Awaitable[object]] = [self._start_helper()] if apart else []
        await _together(
            *first, self._build_image(), *(self.services.start(service) for service in self.spec.services)
        )
        if not apart:
            await self._start_helper()
        if self.services.started:
            await self.services.wait(self.service_seconds, self._wait)
        # It is wanted when the sources are there; until then there is time to make it.
        self._build = asyncio.ensure_future(self._create_build())

    async def _start_helper(self) -> None:
        spec = self.spec.helper.with_hosts(self.services.host_entries())
        container = await self.containers.create(spec, await self.images.get(spec, quiet=True))
        async with translated("starting the helper"):
            await container.put_archive(HELPER_PATH.rpartition("/")[0], program_archive())
            await container.start()
        self._helper = container

    async def _build_image(self) -> None:
        self._image = await self.images.get(self.spec.build)

    async def _create_build(self) -> DockerContainer:
        assert self._image is not None
        return await self.containers.create(
            self.spec.build.with_hosts(self.services.host_entries()), self._image
        )

    async def _wait(self, seconds: float, services: list[list[tuple[str, int]]]) -> int:
        return await self.helper("wait", {"seconds": seconds, "services": services}, lambda _: None)

    async def helper(self, verb: str, asked: Mapping[str, Any], output: Output) -> int:
        assert self._helper is not None
        # What root makes here, the job may have to change as somebody else.
        line = json.dumps({"umask": 0, **asked}).encode() + b"\n"
        return await self.containers.execute(self._helper, ["python3", HELPER_PATH, verb], line, output)

    async def helper_script(self, script: str, output: Output) -> int:
        assert self._helper is not None
        # Folders of new volumes belong to root; the job may run as somebody else.
        open_up = "".join(f"chmod 0777 {quote(path)} 2>/dev/null || true\n" for path in self.spec.writable)
        text = f"umask 0000\n{open_up}{script}"
        return await self.containers.execute(self._helper, ["sh"], text.encode(), output)

    async def script(self, script: str, output: Output) -> int:
        for attempt in range(1, self.section_attempts + 1):
            assert self._build is not None
            # Whoever gives up waiting for the script must not take the container from after_script.
            container = await asyncio.shield(self._build)
            try:
                return await self.containers.run_script(container, script, output)
            except EngineError as error:
                if attempt == self.section_attempts or "no such container" not in str(error).lower():
                    raise
                self.trace.line(f"WARNING: {error}; making the container again")
                await self.containers.remove(self.spec.build.name)
                self._build = asyncio.ensure_future(self._create_build())
        raise AssertionError("the last attempt returns or raises")

    async def stop(self) -> None:
        if self._build is not None:
            await self.containers.end_script(await asyncio.shield(self._build), ["sh", "-c"])

    async def after_scripts(self) -> None:
        await self.services.tell_of_the_dead()


async def _together(*work: Awaitable[object]) -> None:
    """All at once; the first failure stops the others, so that nothing goes on behind our back."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
