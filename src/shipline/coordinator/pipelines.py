"""A pipeline comes into being: the facts, the compiler, the rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from shipline.compiler import Compiled, Decision, Problem, PushFacts, compile_pipeline
from shipline.compiler.limits import chosen_limits
from shipline.coordinator.asked import NOTHING_MORE, Asked, Created, RefUpdate
from shipline.coordinator.configuration import configuration_of
from shipline.coordinator.facts import push_facts
from shipline.coordinator.models import Job, Pipeline, Project
from shipline.coordinator.progress import JOB_DEFINITION, VARIABLES, advance_pipeline, prepare_jobs
from shipline.coordinator.services import services
from shipline.coordinator.sources import CommitSources
from shipline.coordinator.superseding import supersede
from shipline.model.definition import JobDefinition
from shipline.model.status import PipelineStatus
from shipline.sources.budget import Budget

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHILD_PATH = "trigger:include"
SKIP_MARKS = ("[ci skip]", "[skip ci]")
# These are asked for on purpose: what a commit message says does not count for them.
EXPLICIT = frozenset({"web", "api", "schedule", "trigger", "pipeline", "parent_pipeline"})
DECISIONS_KEPT = 200
DETAILS_SHOWN = 10


def create_pipeline(
    project: Project, update: RefUpdate, user: User | None, source: str = "push", asked: Asked = NOTHING_MORE
) -> Created:
    """Compile the commit's configuration and start what it says."""
    repositories = services().repositories
    commit = repositories.commit(project.pk, update.after, update.before)
    if commit is None:
        return Created(None, why_not="it points at no commit")
    update = replace(update, after=commit.sha)
    if source not in EXPLICIT and any(mark in commit.message.lower() for mark in SKIP_MARKS):
        return Created(None, why_not="the commit message says [skip ci]")
    push = push_facts(project, update, commit, source, user, asked)
    compiled = _compile(project, update.after, push, user, asked)
    if compiled.filtered:
        return Created(None, why_not=compiled.errors[0].message, details=_details(compiled.decisions))
    if compiled.pipeline is None and not asked.keep_invalid:
        return Created(None, compiled.errors, "its configuration is invalid")
    title = commit.message.partition("\n")[0][:255]
    with transaction.atomic():
        if not asked.claim():
            return Created(None, why_not="it has been made already")
        pipeline = _store(project, update, push, compiled, user, title, asked)
        repositories.keep_for_pipeline(project.pk, pipeline.pk, update.after)
        advance_pipeline(pipeline.pk)
        supersede(pipeline)
    pipeline.refresh_from_db()
    return Created(pipeline, compiled.errors)


def _details(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """Why there is nothing to run: the workflow's rule, or the rules of each job."""
    lines = [
        f"{decision.job or 'workflow'}: {decision.reason}" for decision in decisions if not decision.included
    ]
    more = len(lines) - DETAILS_SHOWN
    return (*lines[:DETAILS_SHOWN], *([f"... and {more} more jobs"] if more > 0 else []))


def _compile(project: Project, sha: str, push: PushFacts, user: User | None, asked: Asked) -> Compiled:
    parent = asked.upstream.pipeline if asked.upstream and push.source == "parent_pipeline" else None
    limits = chosen_limits(services().config.limits)
    sources = CommitSources(project, sha, user, parent, Budget(limits.include_seconds))
    if asked.configuration is not None:
        return compile_pipeline(CHILD_PATH, asked.configuration, push, sources, limits, inputs=asked.inputs)
    path, text = configuration_of(project, sha)
    if text is None:
        missing = Problem("The file is not there: no jobs are defined for this commit", path)
        return Compiled(errors=(missing,))
    return compile_pipeline(path, text, push, sources, limits, inputs=asked.inputs)


def _store(
    project: Project,
    update: RefUpdate,
    push: PushFacts,
    compiled: Compiled,
    user: User | None,
    title: str,
    asked: Asked,
) -> Pipeline:
    definition, request = compiled.pipeline, asked.merge_request
    now = timezone.now()
    # Two pushes at once do not get one number.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    newest = Pipeline.objects.filter(project=project).aggregate(newest=Max("iid"))["newest"] or 0
    pipeline = Pipeline.objects.create(
        project=project,
        iid=newest + 1,
        ref=update.ref if request is None else f"refs/merge-requests/{request.iid}/head",
        ref_type=update.ref_type if request is None else "merge_request",
        sha=update.after,
        before_sha=update.before,
        source=push.source,
        status=PipelineStatus.CREATED if definition else PipelineStatus.FAILED,
        name=(definition.name if definition else "") or "",
        title=title,
        protected=push.protected,
        stages=list(definition.stages) if definition else [],
        predefined=VARIABLES.dump_python(push.predefined, mode="json"),
        variables=VARIABLES.dump_python(asked.variables, mode="json"),
        auto_cancel=asdict(definition.auto_cancel) if definition else {},
        decisions=_kept(compiled.decisions),
        errors=[asdict(problem) for problem in compiled.errors],
        user=user,
        upstream_job=asked.upstream,
        schedule=asked.schedule,
        merge_request=request,
        finished_at=None if definition else now,
    )
    if definition:
        order = {stage: position for position, stage in enumerate(definition.stages)}
        Job.objects.bulk_create(_row(project, pipeline, job, order[job.stage]) for job in definition.jobs)
        prepare_jobs(pipeline, definition.jobs)
    return pipeline


def _kept(decisions: Iterable[Decision]) -> list[dict[str, object]]:
    """Why the pipeline is there, and why jobs are not in it."""
    wanted = [
        {"job": decision.job, "included": decision.included, "reason": decision.reason}
        for decision in decisions
        if not decision.included or not decision.job
    ]
    return wanted[:DECISIONS_KEPT]


def _row(project: Project, pipeline: Pipeline, job: JobDefinition, stage_index: int) -> Job:
    return Job(
        project=project,
        pipeline=pipeline,
        name=job.name,
        stage=job.stage,
        stage_index=stage_index,
        definition=JOB_DEFINITION.dump_python(job, mode="json"),
        bridge=is_bridge(job),
        allow_failure=job.allow_failure,
        timeout=job.timeout or project.build_timeout,
    )


def is_bridge(job: JobDefinition) -> bool:
    """No runner has such a job: it starts another pipeline, or shows the status of one."""
    return job.trigger is not None or any(need.job is None for need in job.cross_needs)
