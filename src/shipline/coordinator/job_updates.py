"""What a runner says of its job's state.

A manager that knows the two-phase commit gets a job that stays pending. It says `pending` to keep it while it makes
itself ready, and `running` to begin; if it says nothing the sweep gives the job back (sweep_plan.py). One that says
`failed` will not begin it: refused as GitLab does, and the job is back in the queue at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from django.db import transaction
from django.utils import timezone

from shipline.coordinator import traces
from shipline.coordinator.coverage import coverage_in
from shipline.coordinator.job_releases import Made, make_release
from shipline.coordinator.jobs import give_back, is_live, is_waiting, job_for_runner, over
from shipline.coordinator.models import Job
from shipline.coordinator.progress import change_status, definition_of, job_began, job_ended, lock
from shipline.coordinator.refusal import NotKnown, Refusal
from shipline.model.status import JobStatus
from shipline.protocols import runner_api as api

EXIT_CODES = 1 << 31
NOT_BEGUN = "400 Bad request - the job has not been begun: state may be pending or running"
MISMATCH = "This log is not whole: the runner sent {said}, {stored} arrived."


@dataclass(frozen=True, slots=True)
class Ending:
    """What was found in the log of a job that says it is over. `integrity` is empty when the runner does not
    say what the log should be."""

    coverage: float | None = None
    integrity: str = ""
    notice: str = ""
    release: Made = field(default_factory=Made)


def update_job(job_id: int, token: str, update: api.JobUpdate) -> Job:
    """What the runner says of the job's state; answers the job as it is then. Raises Refusal."""
    if update.exit_code is not None and not -EXIT_CODES <= update.exit_code < EXIT_CODES:
        raise Refusal(400, "400 Bad request - exit_code is not one that a program can have")
    job = job_for_runner(job_id, token)
    if update.state == "failed" and is_waiting(job):
        give_back(job, "the runner that had it did not begin it: it waits for another")
        raise Refusal(400, NOT_BEGUN)
    # Looked at before the lock: a large log takes a while, and nobody else may write meanwhile.
    ending = _look_at_log(job, update) if update.state in ("success", "failed") and is_live(job) else Ending()
    if update.state == "success" and job.status == JobStatus.RUNNING:
        ending = replace(ending, release=make_release(job))
    with transaction.atomic():
        locked = lock(job)
        if locked.token_hash != job.token_hash:
            # Another runner has got the job meanwhile.
            raise NotKnown(403, "403 Forbidden")
        if locked.status == JobStatus.PENDING:
            _before_it_runs(locked, update.state)
        elif not is_live(locked):
            raise over(locked)
        else:
            _while_it_runs(locked, update, ending)
    return locked


def _before_it_runs(job: Job, state: str) -> None:
    if not is_waiting(job):
        raise Refusal(409, "409 Conflict - the job does not wait for this runner any more")
    if state == "pending":
        job.contacted_at = timezone.now()
        job.save(update_fields=["contacted_at"])
    elif state == "running":
        change_status(job, JobStatus.RUNNING, f"runner {job.runner_id} has it")
        job_began(job)
    else:
        raise Refusal(400, NOT_BEGUN)


def _while_it_runs(job: Job, update: api.JobUpdate, ending: Ending) -> None:
    if update.state in ("running", ""):
        job.contacted_at = timezone.now()
        job.save(update_fields=["contacted_at"])
    elif update.state == "success":
        status, failure = (
            (JobStatus.FAILED, "script_failure") if ending.release.failure else (JobStatus.SUCCESS, "")
        )
        _finish(job, status, failure, None, ending)
    elif update.state == "failed":
        reason = update.failure_reason or "unknown_failure"
        reason = reason if reason in api.FAILURE_REASONS else "unknown_failure"
        _finish(job, JobStatus.FAILED, reason, update.exit_code, ending)
    else:
        raise Refusal(400, "400 Bad request - state is not one that a runner may set")


def _finish(job: Job, status: JobStatus, failure_reason: str, exit_code: int | None, ending: Ending) -> None:
    failed = "" if status is JobStatus.SUCCESS else failure_reason.replace("_", " ")
    reason = ending.release.failure or failed
    if job.status == JobStatus.CANCELING:
        # However it ended then, it is over for the reason that it was cancelled for.
        status, reason = JobStatus.CANCELED, job.reason
    told = (ending.notice, ending.release.notice, ending.release.failure)
    job.notices = [*job.notices, *(line for line in told if line)]
    if exit_code is not None and exit_code in definition_of(job).allow_failure_exit_codes:
        job.allow_failure = True
    change_status(
        job,
        status,
        reason,
        failure_reason=failure_reason,
        exit_code=exit_code,
        coverage=ending.coverage,
        trace_integrity=ending.integrity,
    )
    job_ended(job)


def _look_at_log(job: Job, update: api.JobUpdate) -> Ending:
    pattern = job.definition.get("coverage")
    coverage = coverage_in(pattern, traces.lines_from_the_end(job)) if pattern else None
    said = update.output or api.TraceOutput()
    checksum = said.checksum or update.checksum
    if not checksum and not said.bytesize:
        return Ending(coverage)
    stored = traces.checksum_of(job)
    whole = (not checksum or checksum == stored) and (not said.bytesize or said.bytesize == job.trace_size)
    if whole:
        return Ending(coverage, "matched")
    # As GitLab does: told, and the job's end counts nevertheless. The work is done; only its log has a hole.
    notice = MISMATCH.format(
        said=f"{said.bytesize} bytes ({checksum or 'no checksum'})", stored=f"{job.trace_size} ({stored})"
    )
    logging.getLogger(__name__).warning("job %s: %s", job.pk, notice)
    return Ending(coverage, "mismatched", notice)
