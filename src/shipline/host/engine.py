"""A Docker Engine to work with: the one that is there, else one of our own.

An engine of our own is a `dockerd` with its own data, sockets and log under the cache folder; its images are
the cache that stays. Everybody who uses it holds a shared lock on a file beside it. The kernel lets go of a
dead user's lock, so the last one out, however it went, can be told from the others and stops the engine. An
engine that was there before is never stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shipline import config
from shipline.engine.client import connect
from shipline.errors import EngineUnavailable, HostError
from shipline.host import engine_install
from shipline.host.engine_runtime import runtime_flags

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
Progress = Callable[[str], None]
# proc(5) writes blanks and the like in paths as three octal digits.
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class OwnEngine:
    """Where an engine of our own keeps its things."""

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "docker.sock"

    @property
    def docker_host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid_file(self) -> Path:
        return self.folder / "docker.pid"

    @property
    def log(self) -> Path:
        return self.folder / "dockerd.log"

    def command(self, dockerd: str, runtime: list[str]) -> list[str]:
        return [
            dockerd,
            f"--data-root={self.folder / 'data'}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.pid_file}",
            f"--host={self.docker_host}",
            *runtime,
        ]

    def pid(self) -> int | None:
        """The process that runs it, if it still does (a pid alone may be somebody else's by now)."""
        try:
            pid = int(self.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return pid if self.docker_host.encode() in command else None


def own_engine() -> OwnEngine:
    return OwnEngine(config.default_cache_folder() / "engine")


@asynccontextmanager
async def engine(progress: Progress) -> AsyncIterator[str]:
    """The address (DOCKER_HOST) of an engine that answers, for as long as the body runs.

    Raises HostError when there is none and none can be installed or started.
    """
    named = config.docker_host()
    found = named or await _first_that_answers([DEFAULT_SOCKET])
    if found:
        async with connect(found):
            pass
        yield found
        return
    own = own_engine()
    own.folder.mkdir(parents=True, exist_ok=True)
    with _using(own):
        with _alone(own):
            if await _first_that_answers([own.docker_host]) is None:
                await _start(own, progress)
        yield own.docker_host


async def _first_that_answers(addresses: list[str]) -> str | None:
    for address in addresses:
        with contextlib.suppress(EngineUnavailable):
            async with connect(address):
                return address
    return None


@contextmanager
def _using(own: OwnEngine) -> Iterator[None]:
    """Be one of its users; the last one out stops it."""
    with (own.folder / "users.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            stop_when_unused(own)


def stop_when_unused(own: OwnEngine) -> bool:
    """Stop our own engine if nobody uses it. True when it was stopped."""
    if not own.folder.exists():
        return False
    with _alone(own), (own.folder / "users.lock").open("a") as users:
        if not _lock_now(users):
            return False
        return _stop(own)


@contextmanager
def _alone(own: OwnEngine) -> Iterator[None]:
    """Nobody else starts or stops it meanwhile."""
    with (own.folder / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_now(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _start(own: OwnEngine, progress: Progress) -> None:
    dockerd = await asyncio.to_thread(engine_install.ensure_installed, progress)
    progress("Starting a Docker Engine of our own")
    runtime = runtime_flags(own.folder, Path("/proc/self/status").read_text())
    for leftover in (own.pid_file, own.socket):
        leftover.unlink(missing_ok=True)
    process = _launch(own, own.command(dockerd, runtime))
    deadline = time.monotonic() + START_SECONDS
    while await _first_that_answers([own.docker_host]) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            lines = own.log.read_text(errors="replace").splitlines()[-5:]
            raise HostError(
                "The Docker Engine did not start:\n" + "\n".join(lines), hint=f"Its log is {own.log}."
            )
        await asyncio.sleep(0.1)


def _launch(own: OwnEngine, command: list[str]) -> subprocess.Popen[bytes]:
    """It outlives us: others may use it when we are gone."""
    with own.log.open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _stop(own: OwnEngine) -> bool:
    pid = own.pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while own.pid() is not None:
        if _reaped(pid) or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    for place in mounts_below(own.folder, Path("/proc/self/mountinfo").read_text()):
        subprocess.run(["umount", place], stderr=subprocess.DEVNULL, check=False)
    return True


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """What is mounted in `folder`, innermost first (`mountinfo` as in proc(5)). dockerd leaves its network
    namespaces mounted when it ends, and with that nobody could remove the cache."""
    places = [line.split()[4] for line in mountinfo.splitlines()]
    decoded = [_OCTAL.sub(lambda match: chr(int(match[1], 8)), place) for place in places]
    return [place for place in reversed(decoded) if Path(place).is_relative_to(folder)]


def _reaped(pid: int) -> bool:
    """When it was our own child, somebody has to wait for it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
