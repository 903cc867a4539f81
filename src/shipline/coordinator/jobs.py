"""A job in a runner's hands: what the runner says of its state."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from shipline.coordinator import tokens
from shipline.coordinator.models import Job
from shipline.coordinator.progress import advance_pipeline, change_status, definition_of, lock, tell
from shipline.coordinator.refusal import Refusal
from shipline.model.status import FINISHED, JobStatus
from shipline.protocols import runner_api as api

EXIT_CODES = 1 << 31
FAILURE_REASONS = frozenset(
    {
        "unknown_failure", "script_failure", "runner_system_failure", "job_execution_timeout",
        "image_pull_failure", "runner_configuration_error", "runner_external_dependency_failure",
        "runner_interrupted", "job_canceled", "stuck_or_timeout_failure", "trace_size_exceeded",
    }
)  # fmt: skip


def job_for_runner(job_id: int, token: str) -> Job:
    """The running job, for its runner. A finished one is told as 403, with its status."""
    job = Job.objects.filter(pk=job_id, token_hash=tokens.digest(token)).first() if token else None
    if job is None:
        raise Refusal(403, "403 Forbidden")
    return job


def is_live(job: Job) -> bool:
    return job.status in (JobStatus.RUNNING, JobStatus.CANCELING)


def update_job(job_id: int, token: str, update: api.JobUpdate) -> Job:
    """What the runner says of the job's state. Raises Refusal."""
    job = job_for_runner(job_id, token)
    if not is_live(job):
        raise over(job)
    if update.state in ("running", ""):
        job.contacted_at = timezone.now()
        job.save(update_fields=["contacted_at"])
        return job
    if update.exit_code is not None and not -EXIT_CODES <= update.exit_code < EXIT_CODES:
        raise Refusal(400, "400 Bad request - exit_code is not one that a program can have")
    if update.state == "success":
        _finish(job, JobStatus.SUCCESS, "")
    elif update.state == "failed":
        reason = update.failure_reason or "unknown_failure"
        reason = reason if reason in FAILURE_REASONS else "unknown_failure"
        _finish(job, JobStatus.FAILED, reason, update.exit_code)
    else:
        raise Refusal(400, "400 Bad request - state is not one that a runner may set")
    return job


def over(job: Job) -> Refusal:
    return Refusal(403, f"403 Forbidden - Job is not running: {job.status}")


def _finish(job: Job, status: JobStatus, failure_reason: str, exit_code: int | None = None) -> None:
    with transaction.atomic():
        locked = lock(job)
        if not is_live(locked):
            raise over(locked)
        if locked.status == JobStatus.CANCELING:
            status = JobStatus.CANCELED
        reason = "" if status is JobStatus.SUCCESS else failure_reason.replace("_", " ")
        if exit_code is not None and exit_code in definition_of(locked).allow_failure_exit_codes:
            locked.allow_failure = True
        change_status(locked, status, reason, failure_reason=failure_reason, exit_code=exit_code)
        job.status = locked.status
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def give_up(job: Job, failure_reason: str, reason: str) -> None:
    with transaction.atomic():
        locked = lock(job)
        if locked.status in FINISHED:
            return
        status = JobStatus.CANCELED if locked.status == JobStatus.CANCELING else JobStatus.FAILED
        change_status(locked, status, reason, failure_reason=failure_reason)
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")
