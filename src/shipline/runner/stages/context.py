"""What every stage of one job works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shipline.errors import EngineError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import RunnerSection
from shipline.runner.executor.protocol import Executor
from shipline.runner.failure import misconfigured
from shipline.runner.folders import Folders
from shipline.runner.trace import YELLOW, Trace
from shipline.runner.variables import TLS_VARIABLES, Variables

ATTEMPTS = range(1, 11)
PAUSE_SECONDS, PAUSE_LIMIT = 5.0, 300.0


@dataclass(frozen=True)
class Context:
    """`pause` waits for so many seconds before another attempt."""

    payload: JobPayload
    section: RunnerSection
    trace: Trace
    variables: Variables
    executor: Executor
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    @property
    def folders(self) -> Folders:
        return self.executor.folders

    @property
    def api(self) -> str:
        """The coordinator's, from where the job runs."""
        base = self.section.clone_url or self.section.url
        return base.rstrip("/").removesuffix("/ci") + "/api/v4"

    @property
    def tls(self) -> dict[str, str]:
        """PEM for the helper: an authority to trust, a certificate of the runner's own and its key."""
        names = ("authority", "certificate", "key")
        files = self.variables.files
        return {name: files[key][1] for name, key in zip(names, TLS_VARIABLES, strict=True) if key in files}

    @contextmanager
    def part(self, name: str, title: str) -> Iterator[None]:
        """A section of the log."""
        self.trace.start_section(name, title)
        try:
            yield
        finally:
            self.trace.end_section(name)

    def warn(self, text: str) -> None:
        self.trace.line(f"WARNING: {text}", YELLOW)

    def exports(self) -> dict[str, str]:
        """Variables that a script for the helper, or for a shell without an environment, must set itself."""
        return self.variables.exports()

    async def attempted(self, key: str, what: str, attempt: Callable[[int], Awaitable[int]]) -> int:
        """`attempt(number)` until its exit code is 0, as often as the variable `key` says; the last code."""
        count = attempts_of(self.variables, key)
        for number in range(1, count + 1):
            failure: EngineError | None = None
            code = -1
            try:
                code = await attempt(number)
            except EngineError as error:
                failure = error
            if code == 0:
                return 0
            if number < count:
                self.warn(f"{what} failed, attempt {number} of {count}; trying again")
                await self.pause(min(PAUSE_LIMIT, PAUSE_SECONDS * 2 ** (number - 1)))
            elif failure is not None:
                raise failure
        return code


def attempts_of(variables: Variables, key: str) -> int:
    """Raises JobFailed for a number that GitLab would not take."""
    text = variables.get(key, "1")
    if not (text.isascii() and text.isdigit() and int(text) in ATTEMPTS):
        raise misconfigured(f"{key}: number of attempts out of the range [1, 10]: {text!r}")
    return int(text)
