"""How a pipeline moves on: its state read, the plan's steps carried out, whoever waits woken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from shipline.coordinator import deployments
from shipline.coordinator.abilities import missing
from shipline.coordinator.database import often
from shipline.coordinator.definitions import JOB_DEFINITION, VARIABLES, definition_of, predefined_of
from shipline.coordinator.models import Job, Pipeline, ResourceGroup
from shipline.coordinator.places import InvalidEnvironment, has_place, place
from shipline.coordinator.prepared import Prepared, PreparedUpdate
from shipline.coordinator.services import services
from shipline.errors import ShiplineError
from shipline.model.definition import JobDefinition
from shipline.model.status import ACTIVE, FINISHED, PIPELINE_FINISHED, JobStatus, PipelineStatus, can_change
from shipline.pipeline import Change, JobState, PipelineState, advance, enqueue, status_of

__all__ = [
    "JOB_DEFINITION",
    "VARIABLES",
    "RefusedChange",
    "advance_pipeline",
    "change_status",
    "definition_of",
    "job_began",
    "job_ended",
    "lock",
    "lock_pipeline",
    "new_attempt",
    "predefined_of",
    "prepare_jobs",
    "refuse_what_cannot_run",
    "start",
    "state_of",
    "tell",
    "update_status",
]


class RefusedChange(ShiplineError):
    code = "refused_change"


def state_of(jobs: Iterable[Job], outdated: Mapping[int, str] | None = None) -> PipelineState:
    """`outdated` says of jobs why they must not deploy any more."""
    return PipelineState(tuple(_job_state(job, (outdated or {}).get(job.pk, "")) for job in jobs))


def _job_state(job: Job, outdated: str = "") -> JobState:
    group = job.resource_group
    definition = definition_of(job)
    return JobState(
        id=job.pk,
        name=job.name,
        stage=job.stage_index,
        status=JobStatus(job.status),
        when=definition.when,
        allow_failure=job.allow_failure,
        allow_failure_exit_codes=definition.allow_failure_exit_codes,
        needs=definition.needs,
        start_in=definition.start_in,
        scheduled_at=job.scheduled_at.timestamp() if job.scheduled_at else None,
        retry=definition.retry,
        attempt=job.attempt,
        failure_reason=job.failure_reason,
        exit_code=job.exit_code,
        retried=job.retried,
        resource_group=group.key if group is not None else None,
        holds_resource=group is not None and group.holder_id == job.pk,
        outdated=outdated,
    )


def tell(*topics: str) -> None:
    """Wake who waits for these, once what has changed can be seen."""
    services().events.tell_on_commit(*topics)


def lock(job: Job) -> Job:
    """The job as it is now; nobody else changes it until the transaction ends. Whoever changes a status looks
    at the job through this first: what a request has read before may be over.

    Jobs that a runner may get or has are changed by runners' calls, under their own lock; all others (trigger jobs
    are never a runner's) together with their pipeline, whose lock comes first. Of several pipelines the outermost
    comes first. (On SQLite a transaction is alone anyway.)
    """
    with_pipeline = job.bridge or job.status not in ACTIVE
    if with_pipeline:
        lock_pipeline(job.pipeline_id)
    found = _LOCKED.first(job.pk)
    if found is None:
        raise Job.DoesNotExist(f"job {job.pk} is gone")
    if not with_pipeline and found.status not in ACTIVE:
        # It has ended while we waited for its row.
        lock_pipeline(found.pipeline_id)
    return found


_LOCKED = Prepared(
    lambda pk: (
        Job.objects.select_for_update(of=("self",), no_key=True)
        .select_related("project", "pipeline", "runner", "runner_manager", "environment", "resource_group")
        .filter(pk=pk)
    ),
    -1,
)


def lock_pipeline(pipeline_id: int) -> str:
    """Nobody else moves the pipeline on until the transaction ends. Answers its status."""
    return _status(pipeline_id, "FOR NO KEY UPDATE")


def _status(pipeline_id: int, lock: str) -> str:
    with often() as cursor:
        lock = lock if connection.features.has_select_for_update else ""
        cursor.execute(f"SELECT status FROM coordinator_pipeline WHERE id = %s {lock}", [pipeline_id])  # noqa: S608
        found = cursor.fetchone()
    if found is None:
        raise Pipeline.DoesNotExist(f"pipeline {pipeline_id} is gone")
    return str(found[0])


def advance_pipeline(pipeline_id: int) -> None:
    """Carry out all that follows from where the pipeline stands, and wake who waits for it.

    Call it in the transaction that has changed something of the pipeline: a change whose consequences a crash
    has taken away would leave the pipeline standing still.
    """
    topics = {f"pipeline:{pipeline_id}"}
    with transaction.atomic():
        pipeline = Pipeline.objects.select_for_update(no_key=True).get(pk=pipeline_id)
        if pipeline.errors:
            return
        rows = Job.objects.select_related("resource_group", "environment").filter(pipeline=pipeline)
        jobs = {job.pk: job for job in rows.order_by("stage_index", "id")}
        deploys = any(job.environment_id is not None for job in jobs.values())
        outdated = deployments.outdated_in(pipeline_id) if deploys else {}
        while True:
            steps = advance(state_of(jobs.values(), outdated), timezone.now().timestamp())
            # What cancels jobs moves pipelines on, as this does: they know one another.
            from shipline.coordinator.canceling import cancel_after_failure

            if not steps and not cancel_after_failure(pipeline, jobs.values()):
                break
            for step in steps:
                if isinstance(step, Change):
                    fields = {"failure_reason": step.failure_reason} if step.failure_reason else {}
                    change_status(jobs[step.job], step.status, step.reason, **fields)
                    _schedule(jobs[step.job], step)
                    refuse_what_cannot_run(jobs[step.job])
                    topics |= {f"job:{step.job}"} | ({"queue"} if step.status is JobStatus.PENDING else set())
                else:
                    fresh = new_attempt(jobs[step.job])
                    jobs[fresh.pk] = fresh
                    if step.at_once and fresh.status == JobStatus.CREATED:
                        _enqueue(fresh, step.reason)
                        topics |= {f"job:{fresh.pk}", "queue"}
        update_status(pipeline, jobs.values())
        tell(*topics)
        _hand_over_resources(jobs.values())


def _hand_over_resources(jobs: Iterable[Job]) -> None:
    """Whatever happened may have freed one, or there is one more that waits. It is done behind this transaction,
    because it moves other pipelines on, whose rows somebody else may hold who wants ours."""
    from shipline.coordinator.resource_groups import hand_over  # It stands above us, and moves pipelines on.

    def later(group: int) -> None:
        # Not a partial: Django logs a failure with the function's name, which a partial has not.
        transaction.on_commit(lambda: hand_over(group), robust=True)

    for group in sorted({job.resource_group_id for job in jobs if job.resource_group_id is not None}):
        later(group)


def job_began(job: Job) -> None:
    """A job was pending and runs now. Nothing follows from that but its pipeline's own status."""
    if _runs_already(job.pipeline_id):
        tell(f"pipeline:{job.pipeline_id}", f"job:{job.pk}")
    else:
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def _runs_already(pipeline_id: int) -> bool:
    """The pipeline runs, and does so until the transaction ends. Jobs of one pipeline begin side by side: they
    share the lock, where whoever changes the pipeline waits for all of them."""
    shares = connection.features.has_select_for_update
    if shares and _status(pipeline_id, "") == PipelineStatus.RUNNING:
        return _status(pipeline_id, "FOR SHARE") == PipelineStatus.RUNNING
    return lock_pipeline(pipeline_id) == PipelineStatus.RUNNING


def job_ended(job: Job) -> None:
    """A job is over. Carry out what follows, without a look at all the others where nothing can."""
    with transaction.atomic():
        if lock_pipeline(job.pipeline_id) == PipelineStatus.RUNNING and _nothing_follows(job):
            tell(f"pipeline:{job.pipeline_id}", f"job:{job.pk}")
        else:
            advance_pipeline(job.pipeline_id)
            tell(f"job:{job.pk}")


def _nothing_follows(job: Job) -> bool:
    """True when it succeeded, others run, or will, at its stage or before, and nothing that is yet to come asks for
    less than whole stages: then nobody's turn has come, and the pipeline runs as before."""
    if job.status != JobStatus.SUCCESS or job.resource_group_id is not None or job.environment_id is not None:
        return False
    with often() as cursor:
        cursor.execute(_GO_ON, [job.pipeline_id, job.stage_index])
        if cursor.fetchone() is None:
            return False
        cursor.execute(_TO_COME, [job.pipeline_id])
        if cursor.fetchone() is None:
            return True
    to_come = Job.objects.filter(pipeline=job.pipeline_id, retried=False).exclude(
        status__in=ACTIVE | FINISHED
    )
    return not to_come.exclude(status=JobStatus.CREATED, definition__needs=None).exists()


_GO_ON = """
SELECT 1 FROM coordinator_job
WHERE pipeline_id = %s AND NOT retried AND status IN ('pending', 'running') AND stage_index <= %s
LIMIT 1
"""
_TO_COME = """
SELECT 1 FROM coordinator_job
WHERE pipeline_id = %s AND NOT retried
    AND status IN ('created', 'waiting_for_resource', 'scheduled', 'manual')
LIMIT 1
"""


def _schedule(job: Job, step: Change) -> None:
    if step.status is JobStatus.SCHEDULED and step.scheduled_at is not None:
        job.scheduled_at = datetime.fromtimestamp(step.scheduled_at, UTC)
        job.save(update_fields=["scheduled_at"])


def refuse_what_cannot_run(job: Job) -> None:
    """A pending job that asks for what is not there yet fails with that reason, before a runner has it."""
    if job.status == JobStatus.PENDING and (reason := missing(definition_of(job))):
        job.notices = [reason]
        change_status(job, JobStatus.FAILED, reason, failure_reason="runner_unsupported")


def change_status(job: Job, status: JobStatus, reason: str = "", **fields: Any) -> None:
    """The only way a job's status changes; along the table of model/status.py, with its times."""
    old = JobStatus(job.status)
    if not can_change(old, status):
        raise RefusedChange(f"Job {job.pk} is {old}; it cannot become {status}.")
    now = timezone.now()
    job.status, job.reason = status, reason[:255]
    if status is JobStatus.PENDING:
        job.queued_at = now
    elif status is JobStatus.WAITING_FOR_RESOURCE:
        job.waiting_for_resource_at = now
    elif status is JobStatus.RUNNING:
        job.started_at = job.contacted_at = now
    elif status in FINISHED:
        job.finished_at = now
    for name, value in fields.items():
        setattr(job, name, value)
    _JOB.write(job)
    deployments.follow(job)
    if status in FINISHED and job.resource_group_id is not None:
        ResourceGroup.objects.filter(pk=job.resource_group_id, holder=job).update(holder=None)
    if job.bridge and status is JobStatus.PENDING:
        # It waits for no runner: `downstream.py` sees to it as soon as this can be seen.
        change_status(job, JobStatus.RUNNING, "its pipeline is being made")
        tell("triggers")


# What a job is stays as it was made, and is most of its row.
_MADE_OF = frozenset(
    {
        "id", "project", "pipeline", "name", "stage", "stage_index", "definition", "demand", "bridge", "attempt",
        "created_at",
    }
)  # fmt: skip
_JOB = PreparedUpdate(Job, [one.name for one in Job._meta.concrete_fields if one.name not in _MADE_OF])


def start(job: Job, reason: str) -> None:
    """At somebody's word a job's turn has come, whatever is before it. Raises RefusedChange."""
    if why := deployments.why_outdated(job):
        raise RefusedChange(f"Job {job.pk} cannot be started: {why}.")
    _enqueue(job, reason)


def _enqueue(job: Job, reason: str) -> None:
    change = enqueue(_job_state(job), reason)
    change_status(job, change.status, change.reason)
    refuse_what_cannot_run(job)


def new_attempt(job: Job) -> Job:
    """Another attempt in place of a job that is over."""
    job.retried = True
    job.save(update_fields=["retried"])
    fresh = Job.objects.create(
        project=job.project,
        pipeline=job.pipeline,
        name=job.name,
        stage=job.stage,
        stage_index=job.stage_index,
        definition=job.definition,
        bridge=job.bridge,
        variables=job.variables,
        inputs=job.inputs,
        # As it was written: an exit code may have allowed this one attempt to fail.
        allow_failure=definition_of(job).allow_failure,
        timeout=job.timeout,
        attempt=job.attempt + 1,
    )
    if has_place(definition_of(fresh)):
        prepare(fresh)
    return fresh


def prepare(job: Job) -> None:
    """What a new job gets besides its row; one that cannot have it fails at once."""
    try:
        place(job)
    except InvalidEnvironment as error:
        change_status(job, JobStatus.FAILED, str(error), failure_reason="environment_creation_failure")


def prepare_jobs(pipeline: Pipeline, definitions: Iterable[JobDefinition]) -> None:
    """To be called once the rows of a pipeline's jobs are there, before anything becomes of them."""
    names = [one.name for one in definitions if has_place(one)]
    if names:
        for job in Job.objects.select_related("pipeline", "project").filter(
            pipeline=pipeline, name__in=names
        ):
            prepare(job)


def update_status(pipeline: Pipeline, jobs: Iterable[Job]) -> None:
    status = status_of(state_of(jobs).jobs)
    now = timezone.now()
    if status in ("running", *PIPELINE_FINISHED) and pipeline.started_at is None:
        pipeline.started_at = now
    if status in PIPELINE_FINISHED and pipeline.status != status:
        pipeline.finished_at = now
    elif status not in PIPELINE_FINISHED:
        pipeline.finished_at = None
    pipeline.status = status
    pipeline.save()
    if pipeline.upstream_job is not None:
        # The job that started it may be waiting for this, and its page shows it.
        tell("triggers", f"pipeline:{pipeline.upstream_job.pipeline_id}")
