"""What people and time do with environments: make, change, stop and delete them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from shipline.compiler.keywords.environment import environment_slug
from shipline.coordinator import access, actions, protections
from shipline.coordinator.definitions import definition_of
from shipline.coordinator.deployments import is_url, last_deployment, stopped
from shipline.coordinator.models import Deployment, Environment, Job, Project
from shipline.coordinator.one_by_one import one_by_one
from shipline.coordinator.progress import RefusedChange
from shipline.errors import ShiplineError
from shipline.model.definition import When
from shipline.model.environment import NAME_WORDS, EnvironmentState, Tier, guess_tier, is_name
from shipline.model.status import FINISHED, JobStatus
from shipline.pipeline.deployments import FINISHED_DEPLOYMENT

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# GitLab lets somebody try again when a stop job has not succeeded for this long.
LONG_STOPPING = timedelta(weeks=1)
_AVAILABLE = EnvironmentState.AVAILABLE


@dataclass(frozen=True, slots=True)
class InvalidField(Exception):
    """What is wrong with a field, in GitLab's words."""

    field: str
    words: str


class NotStopped(ShiplineError):
    code = "environment_not_stopped"


def create(project: Project, name: str, **fields: Any) -> Environment:
    """Raises InvalidField. `fields` are external_url, tier and description."""
    if not is_name(name):
        raise InvalidField("name", NAME_WORDS)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if Environment.objects.filter(project=project, name=name).exists():
            raise InvalidField("name", "has already been taken")
        environment = Environment(
            project=project, name=name, slug=environment_slug(name), tier=guess_tier(name)
        )
        return change(environment, **fields)


def change(environment: Environment, **fields: Any) -> Environment:
    """Raises InvalidField. The name stays: jobs know the environment by it."""
    if not is_url(fields.get("external_url", "")):
        raise InvalidField("external_url", "is not an address that a page may link to")
    if (tier := fields.get("tier")) is not None and tier not in set(Tier):
        raise InvalidField("tier", f"is not one of {', '.join(Tier)}")
    for name, value in fields.items():
        setattr(environment, name, value)
    environment.save()
    return environment


def delete(environment: Environment) -> None:
    """Raises NotStopped: what still runs there is not to be forgotten."""
    if environment.state != EnvironmentState.STOPPED:
        raise NotStopped(
            f"Environment {environment.name} is {environment.state}; stop it before you delete it."
        )
    environment.delete()


def stop_jobs(environment: Environment) -> list[Job]:
    """The manual jobs that take away what was deployed last, as its deployments name them (`on_stop`)."""
    finished = Deployment.objects.filter(environment=environment, status__in=list(FINISHED_DEPLOYMENT))
    last = finished.filter(deployable__isnull=False).order_by("-finished_at", "-id").first()
    if last is None or last.deployable is None:
        return []
    pipeline = last.deployable.pipeline_id
    of_pipeline = finished.filter(deployable__pipeline=pipeline, deployable__retried=False)
    names = set(of_pipeline.exclude(on_stop="").values_list("on_stop", flat=True))
    found = Job.objects.filter(pipeline=pipeline, name__in=names, retried=False).order_by("id")
    # One whose turn never came takes nothing away.
    reached = found.exclude(status__in=(JobStatus.CREATED, JobStatus.SKIPPED))
    return [job for job in reached if definition_of(job).when is When.MANUAL]


def may_stop(user: User | AnonymousUser, environment: Environment) -> bool:
    """Who may play jobs, and those very jobs that stop it: on a protected branch they have its secrets."""
    if not access.may(user, environment.project, access.Ability.PLAY_JOB):
        return False
    return all(protections.may_run(user, job.pipeline) for job in stop_jobs(environment))


def stop(environment: Environment, reason: str = "", *, force: bool = False) -> Environment:
    """Start the jobs that stop it; without any, or by `force`, it is stopped at once. One that is not available
    is left as it is."""
    with transaction.atomic():
        jobs = [] if force else stop_jobs(environment)
        if environment.state == _AVAILABLE:
            for job in jobs:
                _start(job, reason or f"environment {environment.name} is stopped")
        locked = Environment.objects.select_for_update().get(pk=environment.pk)
        if locked.state == _AVAILABLE and jobs:
            locked.state = EnvironmentState.STOPPING
            locked.save(update_fields=["state", "updated_at"])
        elif locked.state == _AVAILABLE or force:
            stopped(locked)
    return locked


def _start(job: Job, reason: str) -> None:
    """Once more, if it has run already; one that is under way goes on."""
    # What has changed since it was looked at has been started by somebody else.
    with suppress(RefusedChange):
        if job.status == JobStatus.MANUAL:
            actions.play_job(job, reason=reason)
        elif job.status in FINISHED:
            actions.retry_job(job)


def stop_for_branch(project: Project, branch: str) -> None:
    """A branch is gone: so shall be what was deployed from it last."""
    candidates = Environment.objects.filter(project=project, state=_AVAILABLE, deployments__ref=branch)
    for environment in candidates.distinct():
        last = last_deployment(environment)
        if last is not None and last.ref == branch and not last.tag:
            stop(environment, f"branch {branch} was deleted")


def sweep(now: datetime) -> None:
    """Stop those whose time is over, and let those be stopped again whose stop job never succeeded."""

    def end(environment: Environment) -> None:
        stop(environment, f"the time of environment {environment.name} is over (auto_stop_in)")

    one_by_one(Environment.objects.filter(state=_AVAILABLE, auto_stop_at__lte=now), end, "environments")
    long_ago = Environment.objects.filter(state=EnvironmentState.STOPPING, updated_at__lt=now - LONG_STOPPING)
    long_ago.update(state=_AVAILABLE, updated_at=now)
