"""What people do with pipelines and jobs: cancel, retry, play."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.db import transaction

from shipline.coordinator.canceling import SOMEBODY, cancel_one, cancel_pipeline
from shipline.coordinator.database import again_after_deadlock
from shipline.coordinator.deployments import why_outdated
from shipline.coordinator.downstream import lock_above, wait_again
from shipline.coordinator.job_inputs import checked_inputs
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.progress import (
    VARIABLES,
    RefusedChange,
    advance_pipeline,
    change_status,
    definition_of,
    lock,
    lock_pipeline,
    new_attempt,
    start,
    tell,
)
from shipline.model.status import FINISHED, JobStatus
from shipline.model.variable import Variable

_TO_BE_STARTED = (JobStatus.MANUAL, JobStatus.SCHEDULED)
__all__ = ["cancel_job", "cancel_pipeline", "play_job", "retry_job", "retry_pipeline"]


@again_after_deadlock
def cancel_job(job: Job) -> None:
    """A running job is told so at its runner's next word, and runs its after_script if the runner can."""
    with transaction.atomic():
        cancel_one(_lock_to_cancel(job), SOMEBODY)
        advance_pipeline(job.pipeline_id)


def _lock_to_cancel(job: Job) -> Job:
    """Before anything of its child pipelines: those lie below."""
    locked = lock(job)
    if locked.bridge:
        lock_pipeline(locked.pipeline_id)
    return locked


@again_after_deadlock
def force_cancel_job(job: Job) -> None:
    """One that is being cancelled already is over now; its runner is told so at its next word. Others are cancelled
    as by `cancel_job`. Raises RefusedChange."""
    with transaction.atomic():
        locked = _lock_to_cancel(job)
        if locked.status == JobStatus.CANCELING:
            change_status(locked, JobStatus.CANCELED, "somebody cancelled it by force")
            tell(f"job:{job.pk}")
        else:
            cancel_one(locked, SOMEBODY)
        advance_pipeline(job.pipeline_id)


@again_after_deadlock
def retry_job(job: Job, inputs: Mapping[str, Any] | None = None) -> Job:
    """A finished job once more; jobs that were skipped because of it get their chance too. A trigger job starts
    a new pipeline. Raises RefusedChange and InvalidInputs."""
    with transaction.atomic():
        lock_above(job.pipeline)
        job = lock(job)
        fresh = _again(job, inputs)
        _revive(job.pipeline, f"{job.name} is retried")
        wait_again(job.pipeline)
        advance_pipeline(job.pipeline_id)
        fresh = lock(fresh)
        if fresh.status in _TO_BE_STARTED:
            # Whoever retries it has started it by hand.
            _start(fresh)
    fresh.refresh_from_db()
    return fresh


def _start(job: Job, reason: str = "somebody started it") -> None:
    """What was skipped because nobody had started it gets its chance too."""
    start(job, reason)
    _revive(job.pipeline, f"{job.name} was started")
    wait_again(job.pipeline)
    advance_pipeline(job.pipeline_id)
    tell("queue", f"job:{job.pk}")


def _again(job: Job, inputs: Mapping[str, Any] | None = None) -> Job:
    if job.retried or JobStatus(job.status) not in FINISHED - {JobStatus.SKIPPED}:
        raise RefusedChange(f"Job {job.pk} is {job.status}; it cannot be retried.")
    if not job.project.ci_forward_deployment_rollback_allowed and (why := why_outdated(job)):
        raise RefusedChange(f"Job {job.pk} cannot be retried: {why}, and this project allows no rollback.")
    if inputs:
        job.inputs = checked_inputs(definition_of(job), {**job.inputs, **inputs})
    # What ended the pipeline before counts no longer.
    Pipeline.objects.filter(pk=job.pipeline_id).exclude(reason="").update(reason="")
    return new_attempt(job)


def _revive(pipeline: Pipeline, reason: str) -> None:
    for skipped in Job.objects.filter(pipeline=pipeline, retried=False, status=JobStatus.SKIPPED):
        change_status(skipped, JobStatus.CREATED, reason, finished_at=None)


@again_after_deadlock
def retry_pipeline(pipeline: Pipeline) -> None:
    """Every job that failed or was cancelled once more."""
    with transaction.atomic():
        lock_above(pipeline)
        lock_pipeline(pipeline.pk)
        rows = Job.objects.select_for_update(of=("self",), no_key=True).select_related("project", "pipeline")
        over = rows.filter(pipeline=pipeline, retried=False).order_by("pk")
        found = list(over.filter(status__in=(JobStatus.FAILED, JobStatus.CANCELED)))
        for job in found:
            # One that must not deploy any more is left as it is.
            with suppress(RefusedChange):
                _again(job)
        if found:
            _revive(pipeline, "the pipeline is retried")
            wait_again(pipeline)
        advance_pipeline(pipeline.pk)


@again_after_deadlock
def play_job(
    job: Job,
    variables: Iterable[Variable] = (),
    inputs: Mapping[str, Any] | None = None,
    reason: str = "somebody started it",
) -> None:
    """Start a manual job, or a delayed one before its time, with what it is given for this once. Raises
    RefusedChange and InvalidInputs."""
    with transaction.atomic():
        lock_above(job.pipeline)
        job = lock(job)
        if job.status not in _TO_BE_STARTED:
            raise RefusedChange(f"Job {job.pk} is {job.status}; only a manual or delayed job can be started.")
        job.variables = VARIABLES.dump_python(tuple(variables), mode="json")
        job.inputs = checked_inputs(definition_of(job), inputs or {})
        _start(job, reason)
