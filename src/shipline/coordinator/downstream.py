"""Trigger jobs: the pipelines that they start, and the statuses that come back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import yaml
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError, transaction

from shipline.coordinator import access
from shipline.coordinator.asked import Asked, Created, RefUpdate
from shipline.coordinator.job_variables import hidden, secrets_of, values_of
from shipline.coordinator.lineage import ancestors, family_size, line_of
from shipline.coordinator.models import Job, Pipeline, Project
from shipline.coordinator.one_by_one import one_by_one
from shipline.coordinator.permissions import NotAllowed, check_may_run
from shipline.coordinator.progress import (
    VARIABLES,
    advance_pipeline,
    change_status,
    definition_of,
    lock,
    lock_pipeline,
    new_attempt,
    start,
    tell,
)
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.model.definition import JobDefinition, Trigger, TriggerInclude
from shipline.model.expansion import expand
from shipline.model.status import FINISHED, JobStatus, PipelineStatus
from shipline.pipeline.bridges import REASONS, forwarded, outcome, refusal

NOTICE_LIMIT = 30
Create = Callable[..., Created]


def see_to_all(create: Create) -> None:
    """Everything that trigger jobs wait for: their pipelines are made with `create`, or looked at."""
    related = Job.objects.select_related("project", "pipeline", "pipeline__user", "pipeline__merge_request")
    jobs = related.filter(bridge=True, status=JobStatus.RUNNING).order_by("pk")
    one_by_one(jobs, lambda job: _see_to_or_fail(job, create), "trigger jobs")


def _see_to_or_fail(job: Job, create: Create) -> None:
    try:
        _see_to(job, create)
    except (ObjectDoesNotExist, InterfaceError, OperationalError):
        # It is gone, or the database is busy or away: nothing is wrong with the job.
        raise
    except Exception:
        logging.getLogger(__name__).exception("trigger job %s cannot be carried out", job.pk)
        _fail(job, "downstream_pipeline_creation_failed", ["The coordinator's log says what went wrong."])


def _see_to(job: Job, create: Create) -> None:
    definition = definition_of(job)
    started = Pipeline.objects.filter(upstream_job=job).order_by("-pk").first()
    if definition.trigger is None:
        _mirror(job, definition)
    elif started is not None:
        _follow(job, definition.trigger, started)
    else:
        _start(job, definition, definition.trigger, create)


def _start(job: Job, definition: JobDefinition, trigger: Trigger, create: Create) -> None:
    values = values_of(job, definition)
    child = bool(trigger.include)
    line = line_of(job.pipeline)
    if not child and not trigger.project:
        _fail(job, "invalid_bridge_trigger", [])
        return
    if reason := refusal(child=child, line=ancestors(line), family=family_size(line[-1])):
        _fail(job, reason, [])
        return
    of_pipeline = VARIABLES.validate_python(job.pipeline.variables)
    given = VARIABLES.validate_python(job.variables)
    variables = forwarded(trigger, (*definition.variables, *given), of_pipeline, values.get, secrets_of(job))
    asked = Asked(variables=variables, upstream=job, keep_invalid=False, claim=lambda: _is_waiting(job))
    created = (
        _child(job, trigger, asked, create) if child else _elsewhere(job, trigger, asked, values, create)
    )
    if created is None:
        return
    if created.pipeline is not None:
        _follow(job, trigger, created.pipeline)
    elif _is_waiting(job):
        problems = [str(problem) for problem in created.errors] or [created.why_not, *created.details]
        _fail(job, "downstream_pipeline_creation_failed", problems)


def _is_waiting(job: Job) -> bool:
    """Still without a pipeline; looked at with the row locked, so that two never make one."""
    with transaction.atomic():
        alive = lock(job).status == JobStatus.RUNNING
        return alive and not Pipeline.objects.filter(upstream_job=job).exists()


def _child(job: Job, trigger: Trigger, asked: Asked, create: Create) -> Created:
    """For the same commit, ref and merge request as its parent."""
    parent = job.pipeline
    request = parent.merge_request if parent.ref_type == "merge_request" else None
    ref, ref_type = (request.source_branch, "branch") if request else (parent.ref, parent.ref_type)
    update = RefUpdate(ref, ref_type, parent.before_sha, parent.sha)
    whole = Asked(
        variables=asked.variables,
        upstream=job,
        merge_request=request,
        configuration=_configuration(trigger),
        keep_invalid=False,
        claim=asked.claim,
    )
    return create(job.project, update, parent.user, "parent_pipeline", whole)


def _configuration(trigger: Trigger) -> str:
    """A child pipeline's own text: nothing but its includes."""
    entries = [_entry(include) for include in trigger.include]
    return yaml.safe_dump({"include": entries}, allow_unicode=True, sort_keys=False)


def _entry(include: TriggerInclude) -> dict[str, Any]:
    entry = {key: value for key, value in asdict(include).items() if value not in (None, (), {})}
    for key in ("file", "rules"):
        if key in entry:
            entry[key] = list(entry[key])
    return entry


def _elsewhere(
    job: Job, trigger: Trigger, asked: Asked, values: dict[str, str], create: Create
) -> Created | None:
    """In another project, as the user who started this pipeline."""
    user = job.pipeline.user
    path = expand(trigger.project or "", values.get).strip("/")
    project = Project.objects.filter(path_with_namespace__iexact=path).first()
    if project is None or not access.may_read(user, project):
        _fail(job, "downstream_bridge_project_not_found", [f"Project {path} was not found."])
        return None
    branch = expand(trigger.branch or "", values.get) or project.default_branch
    found = services().repositories.ref(project.pk, branch)
    if found is None:
        problem = f"Project {path} has neither a branch nor a tag {branch}."
        _fail(job, "downstream_pipeline_creation_failed", [problem])
        return None
    ref_type, sha = found
    try:
        check_may_run(user, project, ref_type, branch)
    except NotAllowed as error:
        _fail(job, "insufficient_bridge_permissions", [str(error)])
        return None
    whole = Asked(
        variables=asked.variables,
        inputs=trigger.inputs,
        upstream=job,
        keep_invalid=False,
        claim=asked.claim,
    )
    return create(project, RefUpdate(branch, ref_type, ZERO, sha), user, "pipeline", whole)


def _follow(job: Job, trigger: Trigger, started: Pipeline) -> None:
    """The job is done as soon as its pipeline is there, or goes its way to the end."""
    waits = f"waits for pipeline #{started.pk}"
    # Looked at every second: nothing is locked as long as there is nothing to do.
    if job.reason == waits and _becomes(trigger, started) is None:
        return
    with transaction.atomic():
        locked = lock(job)
        if locked.status != JobStatus.RUNNING:
            return
        becomes = _becomes(trigger, started)
        if becomes is None:
            locked.reason = waits
            locked.save(update_fields=["reason"])
            tell(f"job:{job.pk}", f"pipeline:{job.pipeline_id}")
            return
        reason = f"started pipeline #{started.pk}"
        if trigger.strategy is not None:
            started.refresh_from_db(fields=["status"])
            reason = f"pipeline #{started.pk} ended: {started.status}"
        change_status(locked, becomes, reason)
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def _becomes(trigger: Trigger, started: Pipeline) -> JobStatus | None:
    if trigger.strategy is None:
        return JobStatus.SUCCESS
    return outcome(trigger.strategy, PipelineStatus(Pipeline.objects.get(pk=started.pk).status))


def _mirror(job: Job, definition: JobDefinition) -> None:
    """`needs:pipeline` without a job: as the newest pipeline of that project's default branch ends."""
    need = next(need for need in definition.cross_needs if need.job is None)
    path = expand(need.pipeline or "", values_of(job, definition).get).strip("/")
    project = Project.objects.filter(path_with_namespace__iexact=path).first()
    if project is None or not access.may_read(job.pipeline.user, project):
        _fail(job, "upstream_bridge_project_not_found", [f"Project {path} was not found."])
        return
    rows = Pipeline.objects.filter(project=project, ref=project.default_branch)
    newest = rows.exclude(source="parent_pipeline").order_by("-pk").first()
    if newest is not None:
        _follow(job, Trigger(strategy="mirror"), newest)
    elif need.optional:
        with transaction.atomic():
            change_status(lock(job), JobStatus.SUCCESS, f"{path} has no pipeline, and needs none")
            advance_pipeline(job.pipeline_id)
    else:
        problem = (
            f"Project {path} has no pipeline for {project.default_branch} yet: run one, then retry this job."
        )
        _fail(job, "upstream_bridge_project_not_found", [problem])


def _fail(job: Job, failure_reason: str, problems: list[str]) -> None:
    secrets = secrets_of(job)
    problems = [hidden(problem, secrets) for problem in problems]
    with transaction.atomic():
        locked = lock(job)
        if locked.status != JobStatus.RUNNING:
            return
        words = REASONS[failure_reason]
        locked.notices = [f"{words[:1].upper()}{words[1:]}.", *problems[:NOTICE_LIMIT]]
        if len(problems) > NOTICE_LIMIT:
            locked.notices.append(f"... and {len(problems) - NOTICE_LIMIT} more")
        change_status(locked, JobStatus.FAILED, words, failure_reason=failure_reason)
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def pipeline_deleted(job: Job) -> None:
    """A trigger job that waits for a pipeline which is gone would wait for ever, or make another."""
    with transaction.atomic():
        locked = lock(job)
        if locked.status != JobStatus.RUNNING:
            return
        locked.notices = ["The pipeline that this job waited for was deleted: retry it to start another."]
        change_status(locked, JobStatus.FAILED, "its pipeline was deleted", failure_reason="unknown_failure")
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def lock_above(pipeline: Pipeline) -> None:
    """To be called first by whoever will call `wait_again`: the outermost comes first, as `progress.lock` says."""
    for above in reversed(line_of(pipeline)[1:]):
        lock_pipeline(above.pk)


def wait_again(pipeline: Pipeline) -> None:
    """Something of a pipeline runs again: a trigger job that has followed it to its end waits once more, in a
    new attempt, and so do those above."""
    if pipeline.upstream_job is None:
        return
    bridge = lock(pipeline.upstream_job)
    trigger = definition_of(bridge).trigger
    if trigger is None or trigger.strategy is None or bridge.retried or bridge.status not in FINISHED:
        return
    fresh = new_attempt(bridge)
    Pipeline.objects.filter(pk=pipeline.pk).update(upstream_job=fresh)
    pipeline.upstream_job = fresh
    start(fresh, "its pipeline runs again")
    for skipped in Job.objects.filter(pipeline=bridge.pipeline, retried=False, status=JobStatus.SKIPPED):
        change_status(skipped, JobStatus.CREATED, f"{bridge.name} waits again", finished_at=None)
    wait_again(bridge.pipeline)
    advance_pipeline(bridge.pipeline_id)
