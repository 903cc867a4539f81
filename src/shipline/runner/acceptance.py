"""The second phase of taking a job: the runner says that it will run it, before it prepares anything.

A coordinator that knows two-phase commit keeps a job that it has handed out pending until `PUT state=running`, and
takes it back when that does not come within two minutes (gitlab-runner advertises `two_phase_job_commit`). One that
does not know it has the job running already; the same call is a sign of life there.

A runner that has a job but no machine for it yet would keep it here, with `PUT state=pending` every minute at the
latest, until it calls `accept`.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum

from shipline.errors import RemoteError
from shipline.protocols.runner_api import JobPayload, JobUpdate
from shipline.runner.coordinator_client import Answer, CoordinatorClient, NotUnderstood
from shipline.runner.trace import RED, RESET

# As long as a coordinator waits for the second phase.
PATIENCE_SECONDS = 120.0
AGAIN_SECONDS = 2.0
# The stage of a job that is not ours yet.
ACCEPTING = "accept_job"
# A coordinator that waits for the commit refuses this, and hands the job to another; one that has the job running
# learns that it does not.
NOT_BEGUN = JobUpdate(state="failed", failure_reason="runner_system_failure")
_log = logging.getLogger(__name__)


class Verdict(Enum):
    OURS = "ours"
    LOST = "lost"
    AGAIN = "again"


def verdict(answer: Answer) -> Verdict:
    """400: a coordinator that knows no commit. 409: it has given the job to somebody else."""
    if answer.over or answer.status == 409:
        return Verdict.LOST
    if answer.status in (200, 202, 400):
        return Verdict.OURS
    return Verdict.AGAIN


async def accept(client: CoordinatorClient, payload: JobPayload) -> Verdict:
    """OURS or LOST; AGAIN when the coordinator could not be asked while it waited."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await client.update_job(payload.id, payload.token, JobUpdate(state="running"))
                    if (found := verdict(answer)) is not Verdict.AGAIN:
                        return found
                except RemoteError as error:
                    _log.warning("job %s, accepting it: %s", payload.id, error)
                await asyncio.sleep(AGAIN_SECONDS)
    except TimeoutError:
        return Verdict.AGAIN


async def refuse(client: CoordinatorClient, refused: NotUnderstood) -> None:
    """A job that no runner of this version can run: it fails, and its log says why. Handed back it would come again
    and again. Raises RemoteError."""
    job, token = refused.job, refused.token
    answer = await client.update_job(job, token, JobUpdate(state="running"))
    if answer.over:
        return
    line = f"{RED}ERROR: Job failed (system failure): {refused}{RESET}\n"
    await client.send_trace(job, token, 0, line.encode())
    await client.update_job(job, token, NOT_BEGUN)


async def give_back(client: CoordinatorClient, payload: JobPayload) -> None:
    """A job that was not accepted and will not be. Raises RemoteError."""
    await client.update_job(payload.id, payload.token, NOT_BEGUN)
