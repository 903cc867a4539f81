"""Deployments and their environments, kept in step with the jobs that make them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from shipline.coordinator.definitions import definition_of
from shipline.coordinator.job_values import filled_in, values_after
from shipline.coordinator.models import Deployment, Environment, Job, Project
from shipline.model.definition import JobDefinition
from shipline.model.duration import parse_duration
from shipline.model.environment import EnvironmentState, Tier
from shipline.model.status import JobStatus
from shipline.pipeline.deployments import (
    FINISHED_DEPLOYMENT,
    DeploymentState,
    DeploymentStatus,
    follows,
    is_outdated,
    outdated_words,
)

URL_LIMIT = 255
NEVER = "never"
# What a deployment's job has not begun with yet.
_AHEAD = (DeploymentStatus.CREATED, DeploymentStatus.BLOCKED)


def create_deployment(job: Job, definition: JobDefinition) -> None:
    """For a job that deploys; others make none."""
    written, pipeline = definition.environment, job.pipeline
    if written is None or written.action != "start" or job.environment is None:
        return
    # Of two who count at the same time the second waits for the first.
    Project.objects.select_for_update(no_key=True).get(pk=job.project_id)
    newest = Deployment.objects.filter(project=job.project_id).aggregate(newest=Max("iid"))["newest"] or 0
    Deployment.objects.create(
        project_id=job.project_id,
        iid=newest + 1,
        environment=job.environment,
        deployable=job,
        user=pipeline.user,
        ref=pipeline.ref,
        tag=pipeline.ref_type == "tag",
        sha=pipeline.sha,
        on_stop=written.on_stop or "",
    )


def follow(job: Job) -> None:
    """A job's status has changed: so does its deployment, and, when it has succeeded, its environment."""
    if job.environment_id is None:
        return
    definition, status = definition_of(job), JobStatus(job.status)
    action = definition.environment.action if definition.environment is not None else ""
    if action == "start" and (wanted := follows(status)) is not None:
        _follow(job, wanted)
    if status is JobStatus.SUCCESS:
        _succeeded(job.environment_id, job, definition, action)


def _follow(job: Job, wanted: DeploymentStatus) -> None:
    deployment = Deployment.objects.filter(deployable=job).first()
    if deployment is None or deployment.status == wanted:
        return
    deployment.status = wanted
    deployment.finished_at = timezone.now() if wanted in FINISHED_DEPLOYMENT else None
    deployment.save(update_fields=["status", "finished_at", "updated_at"])


def _succeeded(environment_id: int, job: Job, definition: JobDefinition, action: str) -> None:
    environment = Environment.objects.select_for_update().get(pk=environment_id)
    if action == "stop":
        stopped(environment)
    elif action == "start":
        _deployed(environment, job, definition)
    elif action in ("prepare", "access"):
        _put_off(environment, definition)


def stopped(environment: Environment) -> None:
    environment.state, environment.auto_stop_at = EnvironmentState.STOPPED, None
    environment.save(update_fields=["state", "auto_stop_at", "updated_at"])


def _deployed(environment: Environment, job: Job, definition: JobDefinition) -> None:
    written = definition.environment
    assert written is not None
    environment.state = EnvironmentState.AVAILABLE
    if written.url is not None or written.auto_stop_in is not None:
        values = values_after(job, definition)
        if written.url is not None:
            # GitLab keeps the old one when the new one is none.
            url = filled_in(written.url, values)
            environment.external_url = url if is_url(url) else environment.external_url
        if written.auto_stop_in is not None:
            environment.auto_stop_at = from_now(filled_in(written.auto_stop_in, values))
    if written.deployment_tier in set(Tier):
        environment.tier = written.deployment_tier
    environment.save()


def _put_off(environment: Environment, definition: JobDefinition) -> None:
    """Somebody works with it: the time after which it is stopped begins anew."""
    written = definition.environment
    auto_stop_in = written.auto_stop_in if written is not None else None
    if auto_stop_in is None and environment.auto_stop_at is not None:
        last = last_deployment(environment)
        if last is not None and last.deployable is not None:
            before = definition_of(last.deployable).environment
            auto_stop_in = before.auto_stop_in if before is not None else None
    if auto_stop_in is not None:
        environment.auto_stop_at = from_now(auto_stop_in)
        environment.save(update_fields=["auto_stop_at", "updated_at"])


def is_duration(text: str) -> bool:
    """As `auto_stop_in` takes it; `never` is one too."""
    return text.strip() == NEVER or parse_duration(text) is not None


def from_now(duration: str) -> datetime | None:
    """None when it is never, or no duration."""
    seconds = None if duration.strip() == NEVER else parse_duration(duration)
    try:
        return timezone.now() + timedelta(seconds=seconds) if seconds is not None else None
    except OverflowError:
        return None


def is_url(text: str) -> bool:
    """As GitLab takes it: anything that is not a script."""
    scheme = text.partition(":")[0].strip().lower()
    return len(text) <= URL_LIMIT and scheme not in ("javascript", "vbscript", "data")


def last_deployment(environment: Environment) -> Deployment | None:
    """The one that is there now: the last that has succeeded."""
    return (
        Deployment.objects.select_related("deployable", "deployable__pipeline", "user")
        .filter(environment=environment, status=DeploymentStatus.SUCCESS)
        .order_by("-finished_at", "-id")
        .first()
    )


def outdated_in(pipeline_id: int) -> dict[int, str]:
    """Of a pipeline's jobs which have not begun yet: those that must not deploy any more, and why."""
    ahead = Deployment.objects.select_related("environment", "project").filter(
        deployable__pipeline=pipeline_id, status__in=_AHEAD
    )
    found = ((deployment.deployable_id, _why_outdated(deployment)) for deployment in ahead)
    return {job: why for job, why in found if job is not None and why}


def why_outdated(job: Job) -> str:
    """Why this job must not deploy any more, in a sentence; empty when it may, or deploys nothing."""
    if job.environment_id is None:
        return ""
    found = Deployment.objects.select_related("environment", "project").filter(deployable=job).first()
    return _why_outdated(found) if found is not None else ""


def _why_outdated(deployment: Deployment) -> str:
    if not deployment.project.ci_forward_deployment_enabled:
        return ""
    last = last_deployment(deployment.environment)
    if last is None or not is_outdated(_state(deployment), _state(last)):
        return ""
    return outdated_words(deployment.environment.name, last.iid)


def _state(deployment: Deployment) -> DeploymentState:
    return DeploymentState(deployment.pk, deployment.sha)
