"""The programs as child processes: started with a log file, restarted when they die, ended in order."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 15.0
RESTART_WINDOW_SECONDS = 60.0
RESTART_LIMIT = 5


def restart_delay(deaths: tuple[float, ...], now: float) -> float | None:
    """Seconds to wait before a program is started again; None when it died too often to go on.

    `deaths` are the times of its deaths, the last one just now. Five within a minute are too many.
    """
    recent = [death for death in deaths if now - death <= RESTART_WINDOW_SECONDS]
    if len(recent) >= RESTART_LIMIT:
        return None
    return 0.2 * 2.0 ** (len(recent) - 1)


@dataclass
class Child:
    """One program: `shipline VERB...` with its output in `log`."""

    name: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    deaths: tuple[float, ...] = field(default=())

    async def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "shipline",
                *self.words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                # Its own group: a Ctrl-C at the terminal is ours to pass on, in our order.
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid()),
            )

    @property
    def running(self) -> asyncio.subprocess.Process:
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process

    def last_lines(self, count: int = 5) -> str:
        try:
            text = self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-count:])

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL to the whole group when it takes too long."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), GRACE_SECONDS)
        except TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


def _end_with_parent(parent: int):  # type: ignore[no-untyped-def]
    """What the child does before it becomes the program: ask the kernel for SIGTERM when we die."""
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
