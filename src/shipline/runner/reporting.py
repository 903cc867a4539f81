"""Keeps the coordinator told about one job: its log as it grows, signs of life, its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from shipline.errors import RemoteError
from shipline.protocols.runner_api import JobPayload, JobUpdate, TraceOutput
from shipline.runner.coordinator_client import Answer, CoordinatorClient
from shipline.runner.failure import Result, known_reason
from shipline.runner.trace import Trace

FIRST_SECONDS = 0.3
INTERVAL_SECONDS = 1.0
INTERVAL_LIMIT = 60.0
TOUCH_LIMITS = (1.0, 30.0)
# How often a coordinator may refuse the rest of a log, or ask to be told again.
FINAL_TRIES = 10
# How long one that cannot be reached is waited for: after an hour GitLab has given the job up.
FINAL_SECONDS, FINAL_BACKOFF_LIMIT = 3600.0, 60.0
_log = logging.getLogger(__name__)


@dataclass
class Reporter:
    """`abort` is called when the job is over for the coordinator, `cancel` when it wants it to end well, `settled`
    with the job's end before that is told."""

    client: CoordinatorClient
    payload: JobPayload
    trace: Trace
    abort: Callable[[], object]
    cancel: Callable[[], object]
    monotonic: Callable[[], float]
    settled: Callable[[JobUpdate], object] = lambda _update: None
    _touch_seconds: float = TOUCH_LIMITS[1]

    async def follow(self) -> None:
        """Send what there is, again and again; to be cancelled when the job has ended.

        A job that says nothing gives a sign of life as often as the coordinator wants to hear of it
        (X-GitLab-Trace-Update-Interval): the answer is how we learn that it was cancelled.
        """
        interval, last = FIRST_SECONDS, self.monotonic()
        while True:
            await asyncio.sleep(interval)
            interval = INTERVAL_SECONDS
            try:
                if self.trace.sent < len(self.trace.content):
                    await self._send_part()
                    last = self.monotonic()
                elif self.monotonic() - last > self._touch_seconds:
                    answer = await self.client.update_job(
                        self.payload.id, self.payload.token, JobUpdate(state="running")
                    )
                    self._heed(answer)
                    last = self.monotonic()
            except RemoteError as error:
                # The job goes on; what is not sent yet is sent when the coordinator is back.
                _log.warning("job %s: %s", self.payload.id, error)
                interval = min(INTERVAL_LIMIT, 5.0)

    async def _send_part(self) -> bool:
        start, content = self.trace.unsent()
        answer = await self.client.send_trace(
            self.payload.id, self.payload.token, start, content, debug=is_debugged(self.payload)
        )
        if answer.status == 202:
            self.trace.acknowledge(start + len(content))
        elif answer.status == 416 and answer.size is not None:
            self.trace.acknowledge(answer.size)
        self._heed(answer)
        return not answer.over

    def _heed(self, answer: Answer) -> None:
        if answer.interval is not None:
            lowest, highest = TOUCH_LIMITS
            self._touch_seconds = max(lowest, min(highest, answer.interval))
        if answer.over:
            self.abort()
        elif answer.job_status == "canceling":
            self.cancel()

    async def finish(self, result: Result) -> None:
        """The rest of the log, then the job's end; again and again until the coordinator has it, or could not be
        reached for too long. One that does not take the log is told the end nevertheless."""
        ends_at, refusals = self.monotonic() + FINAL_SECONDS, 0
        for attempt in count():
            try:
                if await self._try_to_finish(result, log=refusals < FINAL_TRIES):
                    return
                refusals += 1
            except RemoteError as error:
                _log.warning("job %s, telling its end: %s", self.payload.id, error)
            if refusals > FINAL_TRIES or self.monotonic() >= ends_at:
                break
            await asyncio.sleep(min(FINAL_BACKOFF_LIMIT, 2.0 ** min(attempt, 6)))
        _log.error("job %s: its end could not be told", self.payload.id)

    async def _try_to_finish(self, result: Result, *, log: bool) -> bool:
        while log and self.trace.sent < len(self.trace.content):
            before = self.trace.sent
            if not await self._send_part():
                return True
            if self.trace.sent == before:
                # Neither taken nor told from where: not again at once.
                return False
        state = "failed" if result.failure_reason else "success"
        output = TraceOutput(checksum=self.trace.checksum, bytesize=len(self.trace.content))
        update = JobUpdate(
            state=state,
            failure_reason=known_reason(result.failure_reason, self.payload.features.failure_reasons),
            exit_code=result.exit_code,
            checksum=self.trace.checksum,
            output=output,
        )
        self.settled(update)
        answer = await self.client.update_job(self.payload.id, self.payload.token, update)
        if answer.status == 412:
            self.trace.acknowledge(0)
            return False
        if answer.status == 202:
            await asyncio.sleep(answer.interval or 1.0)
            return False
        return True


def is_debugged(payload: JobPayload) -> bool:
    """Whether the log shows more than its author wrote: each command with its values, or what services say."""
    last = {one.key: one.value for one in payload.variables}
    wanted = (last.get(key, "").lower() for key in ("CI_DEBUG_TRACE", "CI_DEBUG_SERVICES"))
    return any(value in ("1", "t", "true") for value in wanted)
