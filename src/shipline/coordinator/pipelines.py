"""A pipeline for a push: the facts, the compiler, the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

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
from shipline.compiler.limits import chosen_limits
from shipline.coordinator.models import Job, Pipeline, Project
from shipline.coordinator.progress import JOB_DEFINITION, VARIABLES, advance_pipeline
from shipline.coordinator.projects import settings_variables
from shipline.coordinator.services import services
from shipline.coordinator.sources import CommitSources
from shipline.model.definition import JobDefinition
from shipline.model.status import PipelineStatus
from shipline.sources.budget import Budget

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CONFIG_PATH = ".gitlab-ci.yml"
SKIP_MARKS = ("[ci skip]", "[skip ci]")


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
    limits = chosen_limits(services().config.limits)
    sources = CommitSources(project, sha, user, Budget(limits.include_seconds))
    return compile_pipeline(CONFIG_PATH, text, push, sources, limits)


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
    # Two pushes at once do not get one number.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
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
        predefined=VARIABLES.dump_python(push.predefined, mode="json"),
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
        definition=JOB_DEFINITION.dump_python(job, mode="json"),
        allow_failure=job.allow_failure,
        timeout=job.timeout or project.build_timeout,
    )
