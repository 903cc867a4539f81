"""A job in a runner's hands: who may speak for it, and what takes it from the runner again."""

from __future__ import annotations

from django.db import transaction

from shipline.coordinator import tokens
from shipline.coordinator.models import Job
from shipline.coordinator.prepared import Prepared
from shipline.coordinator.progress import advance_pipeline, change_status, lock, tell
from shipline.coordinator.refusal import NotKnown, Refusal
from shipline.model.status import JobStatus

# The database's numbers end here.
ID_LIMIT = 1 << 63


def job_for_runner(job_id: int, token: str) -> Job:
    """The job, for its runner; it may be over. Raises Refusal 403 for any other token."""
    job = None
    if 0 < len(token) <= tokens.LENGTH_LIMIT and job_id < ID_LIMIT:
        job = _BY_TOKEN.first(job_id, tokens.digest(token))
    if job is None:
        raise NotKnown(403, "403 Forbidden")
    return job


_BY_TOKEN = Prepared(lambda pk, digest: Job.objects.filter(pk=pk, token_hash=digest), -1, "a digest")


def is_live(job: Job) -> bool:
    return job.status in (JobStatus.RUNNING, JobStatus.CANCELING)


def is_waiting(job: Job) -> bool:
    """Handed to a manager that has not begun it yet."""
    return job.status == JobStatus.PENDING and job.runner_manager_id is not None


def is_in_a_runner_s_hands(job: Job) -> bool:
    return is_live(job) or is_waiting(job)


def over(job: Job) -> Refusal:
    return Refusal(403, f"403 Forbidden - Job is not running: {job.status}")


def give_up(job: Job, failure_reason: str, reason: str, advice: str = "") -> None:
    """Nobody will end it any more, unless something has become of it since it was read. Its log says why, and what
    to do about it: its runner cannot."""
    with transaction.atomic():
        locked = lock(job)
        if locked.status != job.status or locked.contacted_at != job.contacted_at:
            return
        canceling = locked.status == JobStatus.CANCELING
        status = JobStatus.CANCELED if canceling else JobStatus.FAILED
        locked.notices = [*locked.notices, f"Job {status.value}: {reason}. {advice}".rstrip()]
        reason = f"{locked.reason}; {reason}" if canceling else reason
        change_status(locked, status, reason, failure_reason=failure_reason)
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def give_back(job: Job, reason: str) -> None:
    """To the queue, from a manager that has not begun it, and said nothing since the job was read. Its token stays
    known until another gets the job, so that the manager is told what became of it (409)."""
    with transaction.atomic():
        locked = lock(job)
        same = (locked.contacted_at, locked.token_hash) == (job.contacted_at, job.token_hash)
        if not is_waiting(locked) or not same:
            return
        locked.runner = locked.runner_manager = None
        locked.contacted_at = None
        locked.trace_size, locked.reason = 0, reason[:255]
        locked.save(update_fields=["runner", "runner_manager", "contacted_at", "trace_size", "reason"])
        tell("queue", f"job:{job.pk}", f"pipeline:{job.pipeline_id}")
