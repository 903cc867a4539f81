"""What a killed manager had in hand: its next life removes what is left of it here, and tells the coordinator."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable
from itertools import count

from shipline.errors import RemoteError
from shipline.protocols.runner_api import JobUpdate
from shipline.runner.acceptance import NOT_BEGUN
from shipline.runner.coordinator_client import CoordinatorClient
from shipline.runner.journal import Entry
from shipline.runner.trace import RED, RESET

KILLED = "the runner was killed, and started again"
# How often a coordinator may ask to be told again.
TRIES = 10
PAUSE_LIMIT = 300.0
_log = logging.getLogger(__name__)


def clear(entries: Iterable[Entry]) -> None:
    """Before anything new begins: file variables, which hold secrets, do not stay."""
    for entry in entries:
        if entry.folder:
            shutil.rmtree(entry.folder, ignore_errors=True)


async def tell_until_heard(client: CoordinatorClient, entry: Entry, interval: Callable[[], float]) -> bool:
    """Ever more slowly; False when that makes no sense, and it is to stay in the journal. `interval` in seconds."""
    for attempt in count():
        try:
            told = await tell(client, entry)
        except RemoteError as error:
            _log.warning("job %s was interrupted, which cannot be told yet: %s", entry.job, error)
            await asyncio.sleep(min(PAUSE_LIMIT, interval() * 2.0 ** min(attempt, 8)))
        except Exception:
            _log.exception("job %s was interrupted, which cannot be told", entry.job)
            return False
        else:
            _log.info("job %s %s", entry.job, told)
            return True
    raise AssertionError("it is counted without an end")


async def tell(client: CoordinatorClient, entry: Entry) -> str:
    """The end of one of its jobs; what became of it, in words. Three kinds: a job of which only the end was not told
    ends as it did; one that was not begun goes back to the queue; any other has failed, which its log says.

    Raises RemoteError when the coordinator cannot be told; one that knows the job no more is content.
    """
    if entry.update is not None:
        return await _settled(client, entry, entry.update)
    # Only one that has been handed out and not begun may be pending: this changes no job.
    asked = await client.update_job(entry.job, entry.token, JobUpdate(state="pending"))
    if asked.over:
        return "is over"
    if asked.status in (200, 202):
        await client.update_job(entry.job, entry.token, NOT_BEGUN)
        return "was not begun when this runner was killed, and goes back"
    line = f"\n{RED}ERROR: Job failed (system failure): {KILLED}{RESET}\n".encode()
    answer = await client.send_trace(entry.job, entry.token, 0, line)
    if answer.status == 416 and answer.size:
        await client.send_trace(entry.job, entry.token, answer.size, line)
    failed = JobUpdate(state="failed", failure_reason="runner_system_failure")
    await client.update_job(entry.job, entry.token, failed)
    return "was interrupted by the death of this runner"


async def _settled(client: CoordinatorClient, entry: Entry, update: JobUpdate) -> str:
    for _ in range(TRIES):
        answer = await client.update_job(entry.job, entry.token, update)
        if answer.status != 202:
            break
        await asyncio.sleep(answer.interval or 1.0)
    return f"had come to its end ({update.state}) when this runner was killed"
