"""The runner manager: asks for jobs while it has room for them, and holds those that it gets.

It observes (answers, ended jobs, signals, its config file), lets `asking.py` and `ending.py` decide, and performs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace

from shipline.errors import EngineError, EngineUnavailable, RemoteError, UsageError
from shipline.protocols.runner_api import JobPayload
from shipline.runner import asking, ending, last_life
from shipline.runner.acceptance import refuse
from shipline.runner.asking import Answered, Ask, Outcome
from shipline.runner.clients import Clients
from shipline.runner.config.changes import changes
from shipline.runner.config.sections import ConfigFile, RunnerSection
from shipline.runner.coordinator_client import NotUnderstood
from shipline.runner.ending import Phase
from shipline.runner.engines import Engines
from shipline.runner.held_job import HeldJob
from shipline.runner.home import Home
from shipline.runner.http import backoff
from shipline.runner.journal import Entry as JournalEntry
from shipline.runner.logs import Counting, configure
from shipline.runner.metrics import EntryFigures, Metrics, MetricsServer
from shipline.runner.online import Online
from shipline.runner.slots import Slots
from shipline.runner.status import EntryNow, JobNow, document
from shipline.runner.upkeep import Upkeep
from shipline.version import __version__

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
# How long an entry that could not hold a job asks for none, in seconds.
UNFIT_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass
class Manager:
    """`docker_host` is the engine of entries that name none. `log_level` and `log_format`, if not empty, count
    instead of the file's. `leave` ends the process at once."""

    home: Home
    config: ConfigFile
    docker_host: str
    log_level: str = ""
    log_format: str = ""
    leave: Callable[[int], object] = os._exit
    phase: Phase = Phase.WORKING
    since: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.system_id = self.home.system_id()
        self.config = self.home.settled(self.config)
        self.metrics = Metrics(self.system_id)
        self._clients = Clients(self.home.config, self.system_id, self.metrics)
        self._server = MetricsServer(self.metrics)
        self._upkeep = Upkeep(self.home, self._clients, lambda: self.config, self._use)
        self._engines = Engines(self.docker_host)
        self._online: dict[int, Online] = {}
        self._jobs: dict[asyncio.Task[None], tuple[int, HeldJob]] = {}
        self._slots = Slots()
        self._questions: dict[asyncio.Task[None], int] = {}
        self._changed = asyncio.Event()
        self._stopped_at = 0.0
        self._number = 0

    async def run(self) -> None:
        """Until a signal ends it (`ending.py`). Raises EngineUnavailable when no entry could run anything."""
        self._configure_log(self.config)
        logging.getLogger().addHandler(counting := Counting(self.metrics.error))
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._signalled, signal.Signals(number))
        aside: list[asyncio.Task[None]] = []
        try:
            with self.home.held():
                async with self._engines:
                    left = self.home.journal.left()
                    await self._begin()
                    await asyncio.to_thread(last_life.clear, left)
                    aside = [asyncio.create_task(self._tell_end(one)) for one in left]
                    aside.append(asyncio.create_task(self._upkeep.keep(self._server)))
                    aside.append(asyncio.create_task(self._keep_tidy()))
                    await self._work()
                    await _cancelled(*aside, *self._questions)
                    for online in self._online.values():
                        await online.close()
                    await self._server.close()
        finally:
            logging.getLogger().removeHandler(counting)

    async def _keep_tidy(self) -> None:
        await self._engines.keep_tidy(
            lambda: [one.section for one in self._online.values()],
            lambda: [held.name for _, held in self._jobs.values()],
        )

    def _configure_log(self, config: ConfigFile) -> None:
        configure(self.log_level or config.log_level, self.log_format or config.log_format)

    async def _begin(self) -> None:
        for warning in self.config.warnings:
            _log.warning("%s", warning)
        for section in self.config.runners:
            self._add(section)
        await self._server.listen(self.config.listen_address)
        problems = [await self._engine_problem(one) for one in self.config.runners]
        if problems and all(problems) and problems[0] is not None:
            raise problems[0]
        _log.info(
            "runner %s takes jobs for %s (system id %s)",
            __version__,
            ", ".join(one.name for one in self.config.runners) or "nobody yet",
            self.system_id,
        )

    async def _engine_problem(self, section: RunnerSection) -> EngineUnavailable | None:
        try:
            await self._engines.ready(section)
        except EngineUnavailable as error:
            return error
        except EngineError as error:
            # Something that is left over cannot be removed yet. The next question tries that again, and tells.
            _log.warning("%s: %s", section.name, error)
        return None

    def _add(self, section: RunnerSection) -> None:
        self._number += 1
        self._online[self._number] = Online(self._number, section, self._clients.jobs)

    async def _work(self) -> None:
        """The loop: what to ask now, whether to go on, and when to look again."""
        while True:
            self._changed.clear()
            now = time.monotonic()
            await self._forget_those_that_left()
            end = ending.over(
                self.phase, len(self._jobs), now - self._stopped_at, self.config.shutdown_timeout
            )
            if end is Phase.AT_ONCE:
                _log.error("ending at once; %s jobs are left to this runner's next life", len(self._jobs))
                self.leave(1)
            if end is not None:
                _log.info("ended")
                return
            if self.phase is Phase.WORKING:
                entries = [one.entry for one in self._online.values()]
                for question in asking.asks(entries, self.config.concurrent, now):
                    self._ask(question, now)
                    self._changed.set()
            self._publish()
            await self._until_something_happens(now)

    async def _until_something_happens(self, now: float) -> None:
        at = asking.wake_at([one.entry for one in self._online.values()], now)
        if self.phase is Phase.STOPPING:
            at = self._stopped_at + self.config.shutdown_timeout
        try:
            async with asyncio.timeout(None if at is None else max(0.0, at - now)):
                await self._changed.wait()
        except TimeoutError:
            return

    def _ask(self, question: Ask, now: float) -> None:
        online = self._online[question.number]
        online.entry = asking.asked(online.entry, question, now)
        task = asyncio.create_task(self._question(online, question, now))
        self._questions[task] = online.number
        task.add_done_callback(self._questions.pop)

    async def _question(self, online: Online, question: Ask, asked_at: float) -> None:
        """An engine first, then the question: a job that we are given can start at once."""
        section, client = online.section, online.client
        answer = Answered(Outcome.FAILED, question, asked_at)
        try:
            await self._engines.ready(section)
            polled = await client.request_job(question.last_update)
            answer = replace(answer, last_update=polled.last_update)
            if polled.job is not None:
                self._take(polled.job, online, section)
                answer = replace(answer, outcome=Outcome.JOB)
            elif polled.wait is not None:
                answer = replace(answer, outcome=Outcome.LATER, wait=polled.wait)
            else:
                outcome = Outcome.NOTHING if polled.healthy else Outcome.REFUSED
                answer = replace(answer, outcome=outcome, status=polled.status)
        except (RemoteError, EngineError, UsageError) as error:
            online.failed(str(error))
            answer = replace(answer, wait=backoff(online.entry.failures + 1, {}, 0))
            if isinstance(error, NotUnderstood):
                with suppress(RemoteError):
                    await refuse(client, error)
        except Exception:
            # A fault of ours must not silence an entry for ever.
            _log.exception("%s", section.name)
            answer = replace(answer, wait=self.config.check_interval)
        online.answered(answer, time.monotonic(), self.config.check_interval, time.time())
        self._changed.set()

    def _take(self, payload: JobPayload, online: Online, section: RunnerSection) -> None:
        held = HeldJob(
            payload,
            section,
            self._engines.for_job(section),
            self._slots,
            self._clients.jobs(section),
            self.home.journal,
            lambda: self.phase >= Phase.STOPPING,
            self._changed.set,
            lambda: self.metrics.job_taken(section, payload.job_info.time_in_queue_seconds),
        )
        _log.info("job %s (%s) from %s", payload.id, payload.job_info.name, section.name)
        task = asyncio.create_task(held.hold())
        self._jobs[task] = (online.number, held)
        task.add_done_callback(self._job_ended)

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        number, held = self._jobs.pop(task)
        online = self._online[number]
        online.entry = asking.ended(online.entry)
        if held.problem:
            # The job may come back at once: it shall not go to and fro.
            online.failed(held.problem)
            online.entry = asking.put_off(online.entry, time.monotonic() + UNFIT_SECONDS)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job %s", held.payload.id, exc_info=error)
        if held.result is not None:
            seconds = time.monotonic() - held.begun
            self.metrics.job_ended(held.section, seconds, held.result.failure_reason)
            outcome = held.result.failure_reason or "success"
            _log.info("job %s ended after %.1f s: %s", held.payload.id, seconds, outcome)
        self._changed.set()

    async def _tell_end(self, entry: JournalEntry) -> None:
        """Of a job whose runner was killed: until the coordinator has heard it."""
        section = next(
            (one for one in self.config.runners if one.url == entry.url), RunnerSection("", entry.url, "")
        )
        async with self._clients.jobs(section) as client:
            if await last_life.tell_until_heard(client, entry, lambda: self.config.check_interval):
                self.home.journal.remove(entry)

    def _signalled(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            self._upkeep.reload()
            return
        phase = ending.after(self.phase, number)
        if phase is self.phase:
            return
        self.phase = phase
        said = {
            Phase.FINISHING: "takes no more jobs; ends when those that run are over",
            Phase.STOPPING: "ends the jobs that run; another signal ends it at once",
            Phase.AT_ONCE: "ends at once",
        }
        _log.info("%s: the runner %s (%s jobs)", number.name, said[phase], len(self._jobs))
        self._give_up_questions(self._online)
        if phase is Phase.STOPPING:
            self._stopped_at = time.monotonic()
            for task in self._jobs:
                # Not before it has begun: then it could not hand its job back.
                asyncio.get_running_loop().call_soon(task.cancel)
        self._changed.set()

    def _give_up_questions(self, numbers: Collection[int]) -> None:
        """A job that was on its way to us is not accepted, and goes back to the queue."""
        for question, number in self._questions.items():
            if number in numbers:
                question.cancel()
        for number in numbers:
            self._online[number].silence()

    def _use(self, new: ConfigFile) -> None:
        """A config that has been read anew."""
        there = {number: one.section for number, one in self._online.items() if not one.entry.leaving}
        found = changes(there, new.runners)
        for number, section in found.stays.items():
            self._online[number].changed(section)
        self._give_up_questions(found.leaves)
        for number in found.leaves:
            _log.info("%s is not in the config any more", self._online[number].section.name)
            self._online[number].leaves()
        for section in found.new:
            _log.info("%s is new in the config", section.name)
            self._add(section)
        self._configure_log(new)
        self.config = new
        self._changed.set()

    async def _forget_those_that_left(self) -> None:
        for number, online in list(self._online.items()):
            await online.tidy()
            if online.entry.leaving and not online.entry.running:
                await online.close()
                del self._online[number]

    def _publish(self) -> None:
        """For `shipline runner status` and Prometheus."""
        jobs = [
            (number, JobNow(one.payload, one.section, one.since, one.stage))
            for number, one in self._jobs.values()
        ]
        found = document(
            pid=os.getpid(),
            version=__version__,
            system_id=self.system_id,
            phase=self.phase.name.lower(),
            since=self.since,
            concurrent=self.config.concurrent,
            entries=[
                EntryNow(one.section, one.entry, one.problem, one.heard_at) for one in self._online.values()
            ],
            jobs=[one for _, one in jobs],
        )
        self.home.write_status(found)
        self.metrics.show(
            self.config.concurrent,
            [
                EntryFigures(
                    one.section, one.entry.asking, tuple(job.stage for n, job in jobs if n == one.number)
                )
                for one in self._online.values()
            ],
        )


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
