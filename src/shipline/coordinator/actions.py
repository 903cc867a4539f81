"""What people do with pipelines and jobs: cancel, retry, play."""

from __future__ import annotations

from django.db import transaction

from shipline.coordinator.database import again_after_deadlock
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.progress import (
    RefusedChange,
    advance_pipeline,
    change_status,
    lock,
    lock_pipeline,
    new_attempt,
    refuse_what_cannot_run,
    tell,
)
from shipline.model.status import ACTIVE, FINISHED, JobStatus


@again_after_deadlock
def cancel_pipeline(pipeline: Pipeline) -> None:
    """Stop what runs, and start nothing more."""
    with transaction.atomic():
        rows = Job.objects.select_for_update(of=("self",), no_key=True).order_by("id")
        jobs = rows.select_related("runner_manager").filter(pipeline=pipeline, retried=False)
        # What runners may have in their hands comes before the pipeline, as with them: see `lock`.
        list(jobs.filter(status__in=list(ACTIVE)))
        lock_pipeline(pipeline.pk)
        for job in jobs.exclude(status__in=list(FINISHED)):
            _cancel(job)
        advance_pipeline(pipeline.pk)


@again_after_deadlock
def cancel_job(job: Job) -> None:
    """A running job is told so at its runner's next word, and runs its after_script if the runner can."""
    with transaction.atomic():
        _cancel(lock(job))
        advance_pipeline(job.pipeline_id)


def _cancel(job: Job) -> None:
    if job.status == JobStatus.CANCELING:
        return
    features = job.runner_manager.features if job.runner_manager else {}
    graceful = job.status == JobStatus.RUNNING and features.get("cancel_gracefully")
    change_status(job, JobStatus.CANCELING if graceful else JobStatus.CANCELED, "somebody cancelled it")
    tell(f"job:{job.pk}")


@again_after_deadlock
def retry_job(job: Job) -> Job:
    """A finished job once more; jobs that were skipped because of it get their chance too."""
    with transaction.atomic():
        job = lock(job)
        if job.retried or JobStatus(job.status) not in FINISHED - {JobStatus.SKIPPED}:
            raise RefusedChange(f"Job {job.pk} is {job.status}; it cannot be retried.")
        fresh = new_attempt(job)
        for skipped in Job.objects.filter(pipeline=job.pipeline, retried=False, status=JobStatus.SKIPPED):
            change_status(skipped, JobStatus.CREATED, f"{job.name} is retried", finished_at=None)
        advance_pipeline(job.pipeline_id)
    fresh.refresh_from_db()
    return fresh


@again_after_deadlock
def retry_pipeline(pipeline: Pipeline) -> None:
    """Every job that failed or was cancelled once more."""
    with transaction.atomic():
        lock_pipeline(pipeline.pk)
        over = Job.objects.filter(pipeline=pipeline, retried=False)
        for job in over.filter(status__in=(JobStatus.FAILED, JobStatus.CANCELED)):
            retry_job(job)


@again_after_deadlock
def play_job(job: Job) -> None:
    """Start a manual job."""
    with transaction.atomic():
        job = lock(job)
        if job.status != JobStatus.MANUAL:
            raise RefusedChange(f"Job {job.pk} is {job.status}; only a manual job can be started.")
        change_status(job, JobStatus.PENDING, "somebody started it")
        refuse_what_cannot_run(job)
        advance_pipeline(job.pipeline_id)
        tell("queue", f"job:{job.pk}")
