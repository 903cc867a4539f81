"""The shell executor: a job's scripts as processes of the runner's own user. It isolates nothing.

Each script is a session of its own, read from stdin, so that no secret is in the list of processes. Whatever it
starts carries a mark in its environment; when a script ends or is stopped, all that has the mark is killed,
also what left the session. A second mark says whose it is: a runner that was killed finds by it, in its next life,
what goes on without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipline.runner.executor.helper_files import program_folder
from shipline.runner.executor.protocol import Output
from shipline.runner.failure import misconfigured
from shipline.runner.folders import Folders
from shipline.runner.trace import YELLOW, Trace
from shipline.runner.uncancelled import to_its_end

MARK, OWNER_MARK = "SHIPLINE_JOB_PROCESS", "SHIPLINE_JOB_OWNER"
TERM_SECONDS, CLEAN_SECONDS = 10.0, 60.0
# How long what a script has printed is read when it is over; a pipe holds 64 KiB.
DRAIN_SECONDS = 3.0
KILL_ROUNDS = 50
CHUNK = 64 * 1024


@dataclass
class ShellExecutor:
    """`unique` marks the job's processes, `owner` those of the runner. `ignored` are words for what the job asks in
    vain (services)."""

    folders: Folders
    trace: Trace
    unique: str
    shell: str = ""
    ignored: Sequence[str] = ()
    owner: str = ""
    name: str = "shell"
    _running: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def ground(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            # However often the job is cancelled.
            await to_its_end(asyncio.to_thread(self._clean), CLEAN_SECONDS)

    def _clean(self) -> None:
        kill_marked(self._mark)
        shutil.rmtree(self.folders.temporary, ignore_errors=True)

    @property
    def keeps_files(self) -> bool:
        """`ground` removes them."""
        return False

    @property
    def _mark(self) -> str:
        return f"{MARK}={self.unique}"

    async def prepare(self) -> None:
        self._shell_path()
        self.trace.line("Using Shell executor ...")
        self.trace.line(
            "WARNING: this executor isolates nothing: the job runs as the runner's user, on the runner's machine",
            YELLOW,
        )
        for word in self.ignored:
            self.trace.line(f"WARNING: the shell executor has no {word}; the job's are left out", YELLOW)
        for folder in (self.folders.builds, self.folders.cache):
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise misconfigured(f"the folder {folder} cannot be made: {error.strerror}") from error

    def _shell_path(self) -> str:
        for name in [self.shell] if self.shell else ["bash", "sh"]:
            if found := shutil.which(name):
                return found
        raise misconfigured(f"there is no {self.shell or 'shell'} on the runner's machine")

    async def helper(self, verb: str, asked: Mapping[str, Any], output: Output) -> int:
        words = [sys.executable, "-I", str(program_folder()), verb]
        return await self._run(words, json.dumps(asked).encode() + b"\n", output)

    async def helper_script(self, script: str, output: Output) -> int:
        return await self._run([self._shell_path()], script.encode(errors="surrogateescape"), output)

    async def script(self, script: str, output: Output) -> int:
        """No login shell: the scripts have the runner's environment, not what a profile makes of it."""
        return await self.helper_script(script, output)

    async def _run(self, words: Sequence[str], stdin: bytes, output: Output) -> int:
        Path(self.folders.builds).mkdir(parents=True, exist_ok=True)
        # A pipe of our own: asyncio would take a process for running while anything holds its output open.
        ours, theirs = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *("env", self._mark, owner_mark(self.owner), *words),
                stdin=asyncio.subprocess.PIPE,
                stdout=theirs,
                stderr=theirs,
                cwd=self.folders.builds,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._running = process
        reading = asyncio.create_task(_copy(ours, output))
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(stdin)
                await process.stdin.drain()
                process.stdin.close()
            code = await process.wait()
            # What it left in the background would keep its output open; also what has hidden its mark.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(kill_marked, self._mark)
            await asyncio.wait([reading], timeout=DRAIN_SECONDS)
            if not reading.done():
                self.trace.line(
                    "WARNING: a process without the job's environment keeps the output of the script open; "
                    "it is not waited for, and goes on",
                    YELLOW,
                )
            return code if code >= 0 else 128 - code
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.shield(asyncio.ensure_future(process.wait()))
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._running = None

    async def stop(self) -> None:
        process = self._running
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TERM_SECONDS):
                await process.wait()
        await asyncio.to_thread(kill_marked, self._mark)

    async def after_scripts(self) -> None:
        """Nothing is around them."""


async def _copy(descriptor: int, output: Output) -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while piece := await reader.read(CHUNK):
            output(piece)
    finally:
        transport.close()


def owner_mark(owner: str) -> str:
    return f"{OWNER_MARK}={owner}"


def kill_marked(mark: str) -> int:
    """SIGKILL to each process with `mark` in its environment, until there is none; how many there were."""
    killed: set[int] = set()
    for _ in range(KILL_ROUNDS):
        found = [pid for pid in marked(mark) if pid != os.getpid()]
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        if not found:
            break
    return len(killed)


def marked(mark: str) -> list[int]:
    """Processes that live and have `mark` in their environment."""
    found, wanted = [], mark.encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # A zombie has no environment any more.
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
