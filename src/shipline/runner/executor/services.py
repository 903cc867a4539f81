"""A job's services: started, waited for, and told of when they fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiodocker
import aiohttp
from aiodocker.containers import DockerContainer

from shipline.runner.executor.containers import Containers
from shipline.runner.executor.images import Images
from shipline.runner.executor.network import NetworkSpec
from shipline.runner.executor.spec import ServiceSpec, wait_ports
from shipline.runner.masking import Masker
from shipline.runner.trace import CYAN, RESET, YELLOW, Trace

LOG_LINES = 20
LOG_LIMIT = 64 * 1024
Wait = Callable[[float, list[list[tuple[str, int]]]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Started:
    spec: ServiceSpec
    container: DockerContainer
    ports: tuple[int, ...]
    address: str = ""

    def waited_at(self) -> list[tuple[str, int]]:
        host = self.address or self.spec.aliases[0]
        return [(host, port) for port in self.ports]


@dataclass
class MaskedLines:
    """The lines of a text that comes in pieces, masked; of what is longer than LOG_LIMIT the beginning."""

    masker: Masker
    _begun: bytes = b""
    _skipping: bool = False

    def feed(self, piece: bytes) -> list[bytes]:
        *whole, rest = (self._begun + self.masker.feed(piece)).split(b"\n")
        found = [line[:LOG_LIMIT] for line in (whole[1:] if self._skipping and whole else whole)]
        self._skipping = self._skipping and not whole
        if len(rest) >= LOG_LIMIT and not self._skipping:
            found.append(rest[:LOG_LIMIT])
            self._skipping = True
        self._begun = b"" if self._skipping else rest
        return found


@dataclass
class Services:
    """`started` are those whose end has not been told yet. `debug`: their logs go into the job's."""

    containers: Containers
    images: Images
    network: NetworkSpec
    trace: Trace
    debug: bool = False
    started: list[Started] = field(default_factory=list)
    _following: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, spec: ServiceSpec) -> Started:
        self.trace.line(f"Starting service {spec.container.image} ...")
        image = await self.images.get(spec.container)
        container = await self.containers.start(spec.container, image)
        started = Started(
            spec, container, tuple(wait_ports(image.config, spec.port)), await self._address(spec, container)
        )
        self.started.append(started)
        if self.debug:
            self._following.add(asyncio.create_task(self._follow(started)))
        return started

    async def _address(self, spec: ServiceSpec, container: DockerContainer) -> str:
        """Where aliases are not known, or there is none, it is reached by its address."""
        if self.network.knows_aliases and spec.aliases:
            return ""
        if self.network.mode == "host":
            return "127.0.0.1"
        details = await self.containers.details(container)
        networks = details["NetworkSettings"]["Networks"].values()
        return next((str(one["IPAddress"]) for one in networks if one["IPAddress"]), "127.0.0.1")

    def host_entries(self) -> list[str]:
        """For containers that start later, on a network without aliases."""
        if self.network.knows_aliases:
            return []
        return [f"{alias}:{one.address}" for one in self.started for alias in one.spec.aliases]

    async def wait(self, seconds: int, wait: Wait) -> None:
        """Until each answers on a port. One that does not, or has ended, is told with its last lines; the job
        goes on, as in GitLab. `seconds` negative: not at all."""
        waited = [one for one in self.started if one.ports]
        if seconds < 0:
            return
        if waited:
            self.trace.line("Waiting for services to be up and running ...")
            ended = [asyncio.create_task(_ended(one.container)) for one in waited]
            waiting = asyncio.ensure_future(wait(seconds, [one.waited_at() for one in waited]))
            try:
                await asyncio.wait([waiting, *ended], return_when=asyncio.FIRST_COMPLETED)
                if waiting.done() and waiting.result() == 0:
                    return
            finally:
                for task in [waiting, *ended]:
                    task.cancel()
                await asyncio.gather(waiting, *ended, return_exceptions=True)
        for one in list(self.started):
            await self._complain(one)

    async def _complain(self, one: Started) -> None:
        state = (await self.containers.details(one.container))["State"]
        if state["Running"] and not one.ports:
            return
        how = "did not answer in time" if state["Running"] else f"ended with exit code {state['ExitCode']}"
        await self._warn(one, f"probably didn't start properly: it {how}")

    async def tell_of_the_dead(self) -> None:
        """One that died while the job ran may be why the job failed."""
        for one in list(self.started):
            state = (await self.containers.details(one.container))["State"]
            if not state["Running"] and state["ExitCode"]:
                await self._warn(one, f"ended with exit code {state['ExitCode']} while the job ran")

    async def _warn(self, one: Started, how: str) -> None:
        self.started = [other for other in self.started if other is not one]
        self.trace.line(f"*** WARNING: Service {one.spec.container.image} {how}.", YELLOW)
        for line in await self.containers.last_lines(one.container, LOG_LINES):
            self.trace.line(f"  {line[:LOG_LIMIT]}")
        self.trace.line("*********")

    async def _follow(self, one: Started) -> None:
        """CI_DEBUG_SERVICES: everything that it says, each line marked with its name. It comes while the job's
        script speaks: a secret that is cut in two must be known in either."""
        lines = MaskedLines(self.trace.masker.another())
        with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError):
            async for piece in one.container.log(stdout=True, stderr=True, follow=True):
                for line in lines.feed(piece.encode(errors="replace")):
                    self.trace.aside(f"{CYAN}[service:{one.spec.shown}]{RESET} ".encode() + line + b"\n")

    async def end(self) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)


async def _ended(container: DockerContainer) -> None:
    await container.wait()
