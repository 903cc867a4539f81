"""Where the entries' jobs run: one connection to each Docker Engine that they name. What an earlier life left there,
or as processes of the shell executor, is removed before anything new is started.

An engine goes on with what it was asked for when whoever asked is dead: a container may appear after that first
look. And one that hangs may keep what an ended job asked it to remove. So there is another look every now and then.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiodocker

from shipline.engine.client import check
from shipline.engine.labels import OWNER
from shipline.engine.reap import reap
from shipline.errors import ShiplineError, UsageError
from shipline.runner.config.sections import DockerSection, RunnerSection
from shipline.runner.executor.shell import kill_marked, owner_mark

ROLES = ("job-network", "job-volume", "job-helper", "job-build", "job-service")
# The second look comes soon after the start, the others at this interval.
SOON_SECONDS, TIDY_SECONDS = 5.0, 60.0
_log = logging.getLogger(__name__)


@dataclass
class Engines:
    """`default` is the address for entries that name none. Close it with `async with`."""

    default: str
    _open: dict[tuple[str, bool, str], aiodocker.Docker] = field(default_factory=dict)
    _reaped: set[tuple[str, str]] = field(default_factory=set)
    _reaping: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for docker in self._open.values():
            await docker.close()

    def for_job(self, section: RunnerSection) -> aiodocker.Docker | None:
        """None for an executor that needs none."""
        return self.of(section) if section.executor == "docker" else None

    def of(self, section: RunnerSection) -> aiodocker.Docker:
        """The entry's connection; that nothing answers there is found at its first use. Raises UsageError for
        certificates that cannot be read."""
        docker = section.docker
        key = (docker.host or self.default, docker.tls_verify, docker.tls_cert_path)
        if key not in self._open:
            self._open[key] = aiodocker.Docker(url=key[0], ssl_context=_tls(docker))
        return self._open[key]

    async def ready(self, section: RunnerSection) -> None:
        """Raises EngineUnavailable when the entry needs an engine and none answers; EngineError when what is left
        over cannot be removed."""
        if section.executor == "shell":
            async with self._reaping:
                await self._end_processes(section)
            return
        docker = self.of(section)
        await check(docker)
        async with self._reaping:
            await self._reap(docker, section)

    async def keep_tidy(
        self, sections: Callable[[], Iterable[RunnerSection]], jobs: Callable[[], Collection[str]]
    ) -> None:
        """For ever: remove what belongs to none of the manager's jobs. `jobs` are the names that begin those of
        their containers, networks and volumes (`job_name`)."""
        pause = SOON_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = TIDY_SECONDS
            for section in sections():
                try:
                    await self._tidy(section, jobs)
                except (ShiplineError, TimeoutError) as error:
                    _log.warning("%s: %s", section.name, error)
                except Exception:
                    # A fault of ours must not end this for ever.
                    _log.exception("%s: looking for what no job has any more", section.name)

    async def _tidy(self, section: RunnerSection, jobs: Callable[[], Collection[str]]) -> None:
        """Nothing where the first look has not been yet."""
        if (section.docker.host or self.default, section.owner) not in self._reaped:
            return

        def spared(name: str) -> bool:
            # A job that has begun since they were listed has nothing among them.
            return any(name == job or name.startswith(f"{job}-") for job in jobs())

        found = await reap(self.of(section), section.owner, roles=ROLES, spared=spared)
        if found.containers or found.networks or found.volumes:
            _log.info("removed what no job has any more: %s", found)

    async def _end_processes(self, section: RunnerSection) -> None:
        """Once for each owner: a script does not end with the runner that was killed."""
        key = ("shell", section.owner)
        if key not in self._reaped:
            count = await asyncio.to_thread(kill_marked, owner_mark(section.owner))
            self._reaped.add(key)
            if count:
                _log.info("ended %s leftover processes (%s)", count, owner_mark(section.owner))

    async def _reap(self, docker: aiodocker.Docker, section: RunnerSection) -> None:
        """Once for each engine and owner. Only jobs' things: the label's owner may have other programs."""
        key = (section.docker.host or self.default, section.owner)
        if key in self._reaped:
            return
        found = await reap(docker, section.owner, roles=ROLES)
        self._reaped.add(key)
        if found.containers:
            _log.info("removed %s leftover containers (%s=%s)", found.containers, OWNER, section.owner)


def _tls(docker: DockerSection) -> ssl.SSLContext | None:
    """Of an engine over tcp, with Docker's three files. None: no TLS."""
    if not docker.tls_verify and not docker.tls_cert_path:
        return None
    folder = Path(docker.tls_cert_path or Path.home() / ".docker")
    try:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        if (folder / "cert.pem").exists():
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"The certificates in {folder} cannot be used for the engine: {error}.",
            hint="tls_cert_path names the folder with ca.pem, cert.pem and key.pem.",
        ) from error
    if not docker.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
