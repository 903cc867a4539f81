"""One job in the manager's hands: accepted, run, told. What happens inside it is `job.py`'s."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiodocker

from shipline.errors import EngineUnavailable, ProtocolError, RemoteError
from shipline.protocols.runner_api import JobPayload
from shipline.runner import git
from shipline.runner.acceptance import ACCEPTING, Verdict, accept, give_back
from shipline.runner.config.sections import RunnerSection
from shipline.runner.coordinator_client import CoordinatorClient
from shipline.runner.executor.spec import job_name
from shipline.runner.folders import Folders
from shipline.runner.job import JobRun, Result
from shipline.runner.journal import Entry, Journal
from shipline.runner.masking import Masker
from shipline.runner.reporting import Reporter
from shipline.runner.slots import Slot, Slots
from shipline.runner.trace import Trace

LAST_WORDS_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass
class WatchedTrace(Trace):
    """Tells which section of the log has begun: that is the job's stage."""

    watch: Callable[[str], None] = lambda _stage: None

    def start_section(self, name: str, *more: Any, **options: Any) -> None:
        self.watch(name)
        super().start_section(name, *more, **options)


@dataclass
class HeldJob:
    """`stopping` tells whether the manager is going down. `changed` is called at each new stage, `accepted` when the
    job is ours. `since` in seconds since the epoch, `begun` by a clock that only goes on. `result` is there when it
    has ended, None for a job that was never ours. `problem`: why no job can be had now. `slots`: the manager's, for
    all its jobs."""

    payload: JobPayload
    section: RunnerSection
    docker: aiodocker.Docker | None
    slots: Slots
    client: CoordinatorClient
    journal: Journal
    stopping: Callable[[], bool]
    changed: Callable[[], object]
    accepted: Callable[[], object]
    since: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.monotonic)
    stage: str = ACCEPTING
    result: Result | None = None
    problem: str = ""
    unique: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        self._entry = Entry(self.section.url, self.payload.id, self.payload.token)

    @property
    def name(self) -> str:
        """With this begins the name of whatever it has on an engine."""
        return job_name(self.payload, self.section, self.unique)

    async def hold(self) -> None:
        """To its end, or to that of the manager. Uses the client up. What the coordinator has not heard of stays in
        the journal, for the manager's next life."""
        async with self.client:
            try:
                self.journal.add(self._entry)
            except OSError as error:
                self.problem = f"a job cannot be written down in {self.journal.folder}: {error.strerror}"
                _log.error("job %s goes back: %s", self.payload.id, self.problem)
                await self._give_back()
                return
            try:
                told = await self._numbered() if await self._accepted() else True
            except Exception:
                # A fault of ours must not leave a job running for ever.
                _log.exception("job %s", self.payload.id)
                told = await self._give_back()
        if told:
            self.journal.remove(self._entry)

    def _note(self, **more: Any) -> None:
        """What the next life has to know if this one is killed. A full disk costs that, and no more."""
        self._entry = replace(self._entry, **more)
        try:
            self.journal.add(self._entry)
        except OSError as error:
            _log.warning("job %s cannot be written down: %s", self.payload.id, error)

    def _note_folders(self, folders: Folders) -> None:
        # Those in containers go with these.
        if self.section.executor == "shell":
            self._note(folder=folders.temporary)

    async def _accepted(self) -> bool:
        try:
            found = await accept(self.client, self.payload)
            if found is Verdict.OURS:
                self.accepted()
                return True
            _log.warning("job %s is not ours any more", self.payload.id)
            if found is Verdict.LOST:
                return False
        except asyncio.CancelledError:
            _log.info("job %s goes back to the coordinator", self.payload.id)
        await self._give_back()
        return False

    async def _give_back(self) -> bool:
        """Whether the coordinator has heard it."""
        with contextlib.suppress(RemoteError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await give_back(self.client, self.payload)
                return True
        return False

    async def _numbered(self) -> bool:
        """With a number among the jobs that run at once, by which it finds what an earlier one left."""
        with self.slots.held(self.section.token, self.payload.job_info.project_id) as slot:
            return await self._run(slot)

    async def _run(self, slot: Slot) -> bool:
        """Whether its end was told."""
        payload, section = self.payload, self.section
        masked = [one.value for one in payload.variables if one.masked]
        # As git sends it, which it shows where a job asks it to. What is wrong with an address its stage tells.
        basic = []
        with contextlib.suppress(ProtocolError):
            basic.append(git.address(payload.git_info.repo_url, "")[1])
        trace = WatchedTrace(
            Masker([*masked, payload.token, *basic], payload.features.token_mask_prefixes),
            section.output_limit * 1024,
            time.time,
            payload.features.trace_sections,
            watch=self._reached,
        )
        run = JobRun(payload, section, trace, self.docker, self.unique, slot=slot, placed=self._note_folders)
        running = asyncio.create_task(run.run())
        reporter = Reporter(
            self.client, payload, trace, running.cancel, run.cancelled.set, time.monotonic,
            settled=lambda update: self._note(update=update),
        )  # fmt: skip
        following = asyncio.create_task(reporter.follow())
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            result = await self._interrupted(running, trace)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        self.result = result
        self._reached("finish")
        return await self._told(asyncio.create_task(reporter.finish(result)))

    async def _told(self, finishing: asyncio.Task[None]) -> bool:
        """As long as it takes; once the manager goes down, a few seconds."""
        try:
            if not self.stopping():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(finishing)
                    return True
            await asyncio.wait_for(finishing, LAST_WORDS_SECONDS)
        except TimeoutError:
            _log.warning("job %s: its end is told by this runner's next life", self.payload.id)
            return False
        return True

    async def _interrupted(self, running: asyncio.Task[Result], trace: Trace) -> Result:
        """The coordinator wants it no more, or we are going down: the containers go first."""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, EngineUnavailable):
            await running
        why = "the runner is going down" if self.stopping() else "canceled"
        trace.line(f"ERROR: Job failed (system failure): {why}", "\x1b[31;1m")
        trace.close()
        reason = interruption(self.payload) if self.stopping() else "job_canceled"
        return Result(reason, message=why)

    def _reached(self, stage: str) -> None:
        self.stage = stage
        self.changed()


def interruption(payload: JobPayload) -> str:
    """The reason of a job that the runner's own end has ended, as the coordinator knows it."""
    known = "runner_interrupted" in payload.features.failure_reasons
    return "runner_interrupted" if known else "runner_system_failure"
