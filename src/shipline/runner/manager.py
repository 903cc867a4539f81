"""The runner manager: asks for jobs while it has room for them, and runs them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import time
from dataclasses import dataclass, field

import aiodocker
import httpx

from shipline.engine.client import check, connect
from shipline.engine.labels import OWNER
from shipline.engine.reap import reap
from shipline.errors import EngineUnavailable, RemoteError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import ConfigFile, RunnerSection
from shipline.runner.coordinator_client import CoordinatorClient, backoff
from shipline.runner.job import JobRun, Result
from shipline.runner.journal import Entry, Journal
from shipline.runner.masking import Masker
from shipline.runner.reporting import Reporter, tell_interrupted
from shipline.runner.trace import Trace
from shipline.runner.variables import job_variables

UNHEALTHY_LIMIT = 3
UNHEALTHY_SECONDS = 3600.0
LAST_WORDS_SECONDS = 5.0
ENGINE_SECONDS = 5.0
ROLES = ("job-network", "job-volume", "job-helper", "job-build", "job-service")
_log = logging.getLogger(__name__)


@dataclass
class Manager:
    config: ConfigFile
    docker_host: str
    system_id: str
    journal: Journal
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    jobs: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Until SIGINT or SIGTERM. Jobs that run then are ended, and told as failed by the runner."""
        for warning in self.config.warnings:
            _log.warning("%s", warning)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopping.set)
        slots = asyncio.Semaphore(self.config.concurrent)
        async with connect(self.docker_host) as docker:
            for owner in {section.owner for section in self.config.runners}:
                await self._reap(docker, owner)
            loops = [
                asyncio.create_task(self._poll(section, docker, slots)) for section in self.config.runners
            ]
            loops += [asyncio.create_task(self._tell_end(entry)) for entry in self.journal.left()]
            await self.stopping.wait()
            for task in [*loops, *self.jobs]:
                task.cancel()
            await asyncio.gather(*loops, *self.jobs, return_exceptions=True)

    async def _reap(self, docker: aiodocker.Docker, owner: str) -> None:
        """What an earlier life of this runner left behind. Only jobs' things: the label's owner may have
        other programs."""
        found = await reap(docker, owner, roles=ROLES)
        if found.containers:
            _log.info("removed %s leftover containers (%s=%s)", found.containers, OWNER, owner)

    async def _tell_end(self, entry: Entry) -> None:
        """Of a job whose runner was killed: until the coordinator has heard it."""
        async with CoordinatorClient(entry.url, "", self.system_id, time.time) as client:
            while True:
                try:
                    await tell_interrupted(client, entry.job, entry.token)
                except RemoteError as error:
                    _log.warning("job %s was interrupted, which cannot be told yet: %s", entry.job, error)
                    await asyncio.sleep(self.config.check_interval)
                else:
                    _log.info("job %s was interrupted by the death of this runner", entry.job)
                    self.journal.remove(entry)
                    return

    async def _poll(self, section: RunnerSection, docker: aiodocker.Docker, slots: asyncio.Semaphore) -> None:
        """A slot and an engine first, then the question: a job that we are given can start at once."""
        version, unhealthy, failures = "", 0, 0
        async with CoordinatorClient(section.url, section.token, self.system_id, time.time) as client:
            while True:
                await slots.acquire()
                taken = False
                try:
                    await check(docker)
                    polled = await client.request_job(version)
                    version, failures = polled.last_update, 0
                    unhealthy = 0 if polled.healthy else unhealthy + 1
                    if polled.job is not None:
                        taken = True
                        self._start(polled.job, section, docker, slots)
                        continue
                except (RemoteError, EngineUnavailable) as error:
                    failures += 1
                    if failures == 1:
                        _log.warning("%s: %s", section.name, error)
                finally:
                    if not taken:
                        slots.release()
                await self._pause(section, unhealthy, failures, bool(version))

    async def _pause(self, section: RunnerSection, unhealthy: int, failures: int, long_poll: bool) -> None:
        if unhealthy >= UNHEALTHY_LIMIT:
            _log.error(
                "%s: the coordinator does not accept this runner; trying again in an hour", section.name
            )
            await asyncio.sleep(UNHEALTHY_SECONDS)
        elif failures:
            await asyncio.sleep(min(self.config.check_interval, backoff(failures, httpx.Headers(), 0)))
        elif not long_poll or unhealthy:
            await asyncio.sleep(self.config.check_interval)

    def _start(
        self, payload: JobPayload, section: RunnerSection, docker: aiodocker.Docker, slots: asyncio.Semaphore
    ) -> None:
        task = asyncio.create_task(self._held(payload, section, docker))
        self.jobs.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            self.jobs.discard(ended)
            slots.release()
            if not ended.cancelled() and ended.exception() is not None:
                _log.error("job %s", payload.id, exc_info=ended.exception())

        task.add_done_callback(done)

    async def _held(self, payload: JobPayload, section: RunnerSection, docker: aiodocker.Docker) -> None:
        with self.journal.holding(Entry(section.url, payload.id, payload.token)):
            await self._job(payload, section, docker)

    async def _job(self, payload: JobPayload, section: RunnerSection, docker: aiodocker.Docker) -> None:
        masked = [one.value for one in payload.variables if one.masked]
        # References in them are replaced before the job sees them.
        masked += job_variables(payload, section, payload.runner_info.timeout).secrets
        trace = Trace(
            Masker([*masked, payload.token], payload.features.token_mask_prefixes),
            section.output_limit * 1024,
            time.time,
            payload.features.trace_sections,
        )
        async with CoordinatorClient(section.url, section.token, self.system_id, time.time) as client:
            run = JobRun(payload, section, trace, docker, secrets.token_hex(4))
            running = asyncio.create_task(run.run())
            reporter = Reporter(client, payload, trace, running.cancel, run.cancelled.set, time.monotonic)
            following = asyncio.create_task(reporter.follow())
            try:
                result = await asyncio.shield(running)
            except asyncio.CancelledError:
                result = await self._interrupted(running, trace)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                # A coordinator that does not answer finds out by itself, when the job is not heard of any more.
                async with asyncio.timeout(LAST_WORDS_SECONDS if self.stopping.is_set() else None):
                    await asyncio.shield(asyncio.ensure_future(reporter.finish(result)))

    async def _interrupted(self, running: asyncio.Task[Result], trace: Trace) -> Result:
        """The coordinator wants it no more, or we are going down: the containers go first."""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, EngineUnavailable):
            await running
        why = "the runner is going down" if self.stopping.is_set() else "canceled"
        trace.line(f"ERROR: Job failed (system failure): {why}", "\x1b[31;1m")
        trace.close()
        reason = "runner_system_failure" if self.stopping.is_set() else "job_canceled"
        return Result(reason, message=why)
