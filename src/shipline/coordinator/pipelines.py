"""Use cases around pipelines: create one for a push, move one on, cancel, retry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from pydantic import TypeAdapter

from shipline.compiler import (
    CommitFacts,
    Compiled,
    Problem,
    ProjectFacts,
    PushFacts,
    RuleError,
    ServerFacts,
    UserFacts,
    compile_pipeline,
    predefined_variables,
)
from shipline.coordinator.abilities import missing
from shipline.coordinator.models import Job, Pipeline, Project
from shipline.coordinator.projects import settings_variables
from shipline.coordinator.services import services
from shipline.coordinator.sources import CommitSources
from shipline.errors import ShiplineError
from shipline.model.definition import JobDefinition
from shipline.model.status import FINISHED, JobStatus, PipelineStatus, can_change
from shipline.model.variable import Variable
from shipline.pipeline import Change, JobState, PipelineState, advance, status_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CONFIG_PATH = ".gitlab-ci.yml"
SKIP_MARKS = ("[ci skip]", "[skip ci]")
_JOB = TypeAdapter(JobDefinition)
_VARIABLES = TypeAdapter(tuple[Variable, ...])
_FINISHED_PIPELINE = ("success", "failed", "canceled", "skipped")


class RefusedChange(ShiplineError):
    code = "refused_change"


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref of a push. `ref_type` is branch or tag."""

    ref: str
    ref_type: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Created:
    """What became of a push: a pipeline (which may have failed at once), or none and why."""

    pipeline: Pipeline | None
    errors: tuple[Problem, ...] = ()
    why_not: str = ""


def create_pipeline(project: Project, update: RefUpdate, user: User | None, source: str = "push") -> Created:
    """Compile the pushed commit's configuration and start what it says."""
    repositories = services().repositories
    commit = repositories.commit(project.pk, update.after, update.before)
    if commit is None:
        return Created(None, why_not="it points at no commit")
    update = replace(update, after=commit.sha)
    if any(mark in commit.message.lower() for mark in SKIP_MARKS):
        return Created(None, why_not="the commit message says [skip ci]")
    push = push_facts(project, update, commit, source, user)
    compiled = _compile(project, update.after, push, user)
    if compiled.filtered:
        return Created(None, why_not=compiled.errors[0].message)
    title = commit.message.partition("\n")[0][:255]
    with transaction.atomic():
        pipeline = _store(project, update, push, compiled, user, title)
        repositories.keep_for_pipeline(project.pk, pipeline.pk, update.after)
        advance_pipeline(pipeline.pk)
    pipeline.refresh_from_db()
    return Created(pipeline, compiled.errors)


def push_facts(
    project: Project, update: RefUpdate, commit: CommitFacts, source: str, user: User | None
) -> PushFacts:
    """What a pipeline for this update is compiled with."""
    repositories = services().repositories

    def changed_since(ref: str) -> frozenset[str]:
        changed = repositories.changed_since(project.pk, ref, update.after)
        if changed is None:
            raise RuleError("rules:changes:compare_to is not a valid ref")
        return changed

    protected = update.ref_type == "branch" and project.protects(update.ref)
    push = PushFacts(
        ref=update.ref,
        ref_type=update.ref_type,
        source=source,
        protected=protected,
        settings=tuple(
            found.variable for found in settings_variables(project) if protected or not found.protected
        ),
        changed_paths=repositories.changed(project.pk, update.before, update.after),
        tracked_paths=lambda: repositories.tracked(project.pk, update.after),
        project_path=project.path_with_namespace,
        user=UserFacts(user.pk, user.username, user.first_name or user.username, user.email)
        if user is not None
        else None,
        changed_since=changed_since,
    )
    predefined = predefined_variables(server_facts(), project_facts(project), commit, push)
    return replace(push, predefined=predefined)


def server_facts() -> ServerFacts:
    config = services().config
    return ServerFacts(config.coordinator.external_url, config.registry.address)


def project_facts(project: Project) -> ProjectFacts:
    return ProjectFacts(
        project.pk,
        project.path_with_namespace,
        project.default_branch,
        project.visibility,
        project.description,
    )


def _compile(project: Project, sha: str, push: PushFacts, user: User | None) -> Compiled:
    repositories = services().repositories
    text = repositories.file(project.pk, sha, CONFIG_PATH)
    if text is None:
        missing = Problem("The file is not there: no jobs are defined for this commit", CONFIG_PATH)
        return Compiled(errors=(missing,))
    return compile_pipeline(CONFIG_PATH, text, push, CommitSources(project, sha, user))


def _store(
    project: Project,
    update: RefUpdate,
    push: PushFacts,
    compiled: Compiled,
    user: User | None,
    title: str,
) -> Pipeline:
    definition = compiled.pipeline
    now = timezone.now()
    newest = Pipeline.objects.filter(project=project).aggregate(newest=Max("iid"))["newest"] or 0
    pipeline = Pipeline.objects.create(
        project=project,
        iid=newest + 1,
        ref=update.ref,
        ref_type=update.ref_type,
        sha=update.after,
        before_sha=update.before,
        source=push.source,
        status=PipelineStatus.CREATED if definition else PipelineStatus.FAILED,
        name=(definition.name if definition else "") or "",
        title=title,
        protected=push.protected,
        stages=list(definition.stages) if definition else [],
        predefined=_VARIABLES.dump_python(push.predefined, mode="json"),
        errors=[asdict(problem) for problem in compiled.errors],
        user=user,
        finished_at=None if definition else now,
    )
    if definition:
        order = {stage: position for position, stage in enumerate(definition.stages)}
        Job.objects.bulk_create(_row(project, pipeline, job, order[job.stage]) for job in definition.jobs)
    return pipeline


def _row(project: Project, pipeline: Pipeline, job: JobDefinition, stage_index: int) -> Job:
    return Job(
        project=project,
        pipeline=pipeline,
        name=job.name,
        stage=job.stage,
        stage_index=stage_index,
        definition=_JOB.dump_python(job, mode="json"),
        allow_failure=job.allow_failure,
        timeout=job.timeout or project.build_timeout,
    )


def definition_of(job: Job) -> JobDefinition:
    return _JOB.validate_python(job.definition)


def predefined_of(pipeline: Pipeline) -> tuple[Variable, ...]:
    return _VARIABLES.validate_python(pipeline.predefined)


def state_of(jobs: Iterable[Job]) -> PipelineState:
    return PipelineState(tuple(_job_state(job) for job in jobs))


def _job_state(job: Job) -> JobState:
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
    )


def tell(*topics: str) -> None:
    """Wake who waits for these, once what has changed can be seen."""
    transaction.on_commit(lambda: services().events.tell(*topics))


def lock(job: Job) -> Job:
    """The job as it is now; nobody else changes it until the transaction ends. Whoever changes a status looks
    at the job through this first: what a request has read before may be over."""
    rows = Job.objects.select_for_update(of=("self",)).select_related("project", "pipeline", "runner")
    return rows.get(pk=job.pk)


def advance_pipeline(pipeline_id: int) -> None:
    """Carry out all that follows from where the pipeline stands, and wake who waits for it.

    Call it in the transaction that has changed something of the pipeline: a change whose consequences a crash
    has taken away would leave the pipeline standing still.
    """
    topics = {f"pipeline:{pipeline_id}"}
    with transaction.atomic():
        pipeline = Pipeline.objects.select_for_update().get(pk=pipeline_id)
        if pipeline.errors:
            return
        jobs = {job.pk: job for job in Job.objects.filter(pipeline=pipeline).order_by("stage_index", "id")}
        while steps := advance(state_of(jobs.values()), timezone.now().timestamp()):
            for step in steps:
                if isinstance(step, Change):
                    change_status(jobs[step.job], step.status, step.reason)
                    _schedule(jobs[step.job], step)
                    refuse_what_cannot_run(jobs[step.job])
                    topics |= {f"job:{step.job}"} | ({"queue"} if step.status is JobStatus.PENDING else set())
                else:
                    fresh = new_attempt(jobs[step.job])
                    jobs[fresh.pk] = fresh
        update_status(pipeline, jobs.values())
        tell(*topics)


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
    elif status is JobStatus.RUNNING:
        job.started_at = job.contacted_at = now
    elif status in FINISHED:
        job.finished_at = now
    for name, value in fields.items():
        setattr(job, name, value)
    job.save()


def new_attempt(job: Job) -> Job:
    """Another attempt in place of a job that is over."""
    job.retried = True
    job.save(update_fields=["retried"])
    return Job.objects.create(
        project=job.project,
        pipeline=job.pipeline,
        name=job.name,
        stage=job.stage,
        stage_index=job.stage_index,
        definition=job.definition,
        # As it was written: an exit code may have allowed this one attempt to fail.
        allow_failure=definition_of(job).allow_failure,
        timeout=job.timeout,
        attempt=job.attempt + 1,
    )


def update_status(pipeline: Pipeline, jobs: Iterable[Job]) -> None:
    status = status_of(state_of(jobs).jobs)
    now = timezone.now()
    if status in ("running", *_FINISHED_PIPELINE) and pipeline.started_at is None:
        pipeline.started_at = now
    if status in _FINISHED_PIPELINE and pipeline.status != status:
        pipeline.finished_at = now
    elif status not in _FINISHED_PIPELINE:
        pipeline.finished_at = None
    pipeline.status = status
    pipeline.save()


def cancel_pipeline(pipeline: Pipeline) -> None:
    """Stop what runs, and start nothing more."""
    with transaction.atomic():
        jobs = Job.objects.select_related("runner").filter(pipeline=pipeline, retried=False)
        for job in jobs.exclude(status__in=list(FINISHED)):
            _cancel(job)
        advance_pipeline(pipeline.pk)


def cancel_job(job: Job) -> None:
    """A running job is told so at its runner's next word, and runs its after_script if the runner can."""
    with transaction.atomic():
        _cancel(lock(job))
        advance_pipeline(job.pipeline_id)


def _cancel(job: Job) -> None:
    if job.status == JobStatus.CANCELING:
        return
    info = job.runner.info if job.runner else {}
    graceful = job.status == JobStatus.RUNNING and info.get("features", {}).get("cancel_gracefully")
    change_status(job, JobStatus.CANCELING if graceful else JobStatus.CANCELED, "somebody cancelled it")
    tell(f"job:{job.pk}")


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


def retry_pipeline(pipeline: Pipeline) -> None:
    """Every job that failed or was cancelled once more."""
    with transaction.atomic():
        over = Job.objects.filter(pipeline=pipeline, retried=False)
        for job in over.filter(status__in=(JobStatus.FAILED, JobStatus.CANCELED)):
            retry_job(job)


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
