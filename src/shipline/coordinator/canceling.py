"""Jobs and pipelines are cancelled, and with them the child pipelines that they have started."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction

from shipline.coordinator.database import again_after_deadlock
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.progress import (
    advance_pipeline,
    change_status,
    definition_of,
    lock_pipeline,
    tell,
)
from shipline.model.status import ACTIVE, FINISHED, JobStatus
from shipline.pipeline.auto_cancel import CancelableJob, after_failure

SOMEBODY = "somebody cancelled it"


@again_after_deadlock
def cancel_pipeline(pipeline: Pipeline, reason: str = SOMEBODY) -> None:
    """Stop what runs, and start nothing more; in its child pipelines too, whatever their strategy. Pipelines of
    other projects go on: they are not ours to stop."""
    with transaction.atomic():
        alive = [job for job in locked_jobs([pipeline.pk]) if job.status not in FINISHED]
        cancel_jobs(pipeline, alive, reason)
        for child in Pipeline.objects.filter(upstream_job__pipeline=pipeline, source="parent_pipeline"):
            cancel_pipeline(child, reason)


def locked_jobs(pipelines: Collection[int]) -> list[Job]:
    """The newest attempts of these pipelines' jobs; nobody changes them until the transaction ends, or adds another
    attempt. In the order in which all lock them: see `progress.lock`."""
    rows = Job.objects.filter(pipeline__in=pipelines).order_by("pk")
    list(rows.filter(status__in=ACTIVE, bridge=False).select_for_update(no_key=True).values_list("pk"))
    for number in sorted(pipelines):
        lock_pipeline(number)
    # Only now is it certain which there are.
    current = rows.filter(retried=False).select_for_update(of=("self",), no_key=True)
    return list(current.select_related("runner_manager"))


def cancel_jobs(pipeline: Pipeline, jobs: Iterable[Job], reason: str) -> None:
    """Some of a pipeline's jobs, whose rows are locked; the pipeline then goes on without them. What they have
    started goes on too."""
    with transaction.atomic():
        for job in jobs:
            _cancel(job, reason)
        advance_pipeline(pipeline.pk)


def cancel_one(job: Job, reason: str) -> None:
    """A job whose row is locked, and the child pipelines that it has started."""
    _cancel(job, reason)
    if job.bridge:
        for child in Pipeline.objects.filter(upstream_job=job, source="parent_pipeline"):
            cancel_pipeline(child, reason)


def _cancel(job: Job, reason: str) -> None:
    """A running job is told so at its runner's next word, and runs its after_script if the runner can."""
    if job.status == JobStatus.CANCELING:
        return
    features = job.runner_manager.features if job.runner_manager else {}
    graceful = job.status == JobStatus.RUNNING and features.get("cancel_gracefully")
    change_status(job, JobStatus.CANCELING if graceful else JobStatus.CANCELED, reason)
    tell(f"job:{job.pk}")


def cancel_after_failure(pipeline: Pipeline, jobs: Collection[Job]) -> bool:
    """`workflow:auto_cancel:on_job_failure: all`. True when something was cancelled."""
    chosen = after_failure(
        pipeline.auto_cancel.get("on_job_failure") or "none",
        [cancelable(job) for job in jobs if not job.retried],
    )
    failed = next((job.name for job in jobs if job.status == JobStatus.FAILED and not job.retried), "")
    for job in jobs:
        if job.pk not in chosen:
            continue
        # Its runner may have told something of it since it was read.
        job.refresh_from_db(from_queryset=Job.objects.select_for_update(of=("self",), no_key=True))
        if job.status not in FINISHED:
            cancel_one(job, f"{failed} failed, and the workflow cancels everything then")
    return bool(chosen)


def cancelable(job: Job) -> CancelableJob:
    definition = definition_of(job)
    allowed = job.allow_failure or (
        job.exit_code is not None and job.exit_code in definition.allow_failure_exit_codes
    )
    return CancelableJob(
        job.pk,
        JobStatus(job.status),
        definition.interruptible,
        job.started_at is not None,
        allowed,
        job.created_at.timestamp(),
        job.finished_at.timestamp() if job.finished_at else None,
        job.bridge,
    )
