"""What an executor is to a job's stages.

Its life: `ground` is entered, `prepare` is called once, then helper requests and scripts one after the other,
in any order; leaving `ground` takes everything away that was made, whatever happened before. One script runs
at a time. What a script prints comes to `output` piece by piece. `stop` may be called while `script` runs, and
makes it return. Nothing is kept between a job's scripts but files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from shipline.runner.folders import Folders

Output = Callable[[bytes], None]


class Executor(Protocol):
    @property
    def name(self) -> str:
        """As in the config: docker, shell."""

    @property
    def folders(self) -> Folders: ...

    @property
    def keeps_files(self) -> bool:
        """Whether the job's folders are there for jobs after it."""

    def ground(self) -> AbstractAsyncContextManager[None]:
        """What everything else stands on. Raises EngineError."""

    async def prepare(self) -> None:
        """All that is needed before the first stage. Raises EngineError, JobFailed."""

    async def helper(self, verb: str, asked: Mapping[str, Any], output: Output) -> int:
        """Let the helper program do something (`helper_program/__main__.py`); its exit code."""

    async def helper_script(self, script: str, output: Output) -> int:
        """A script where git is and where the job's folders can be written; its exit code."""

    async def script(self, script: str, output: Output) -> int:
        """A script of the job, in its own environment; its exit code."""

    async def stop(self) -> None:
        """Ask the running script to end; see to it that it does."""

    async def after_scripts(self) -> None:
        """Tell what went wrong around the scripts, where that may explain what went wrong in them."""
