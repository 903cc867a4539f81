"""What the pages say of environments and deployments: values for the templates, out of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db.models import OuterRef, Subquery

from shipline.coordinator import access
from shipline.coordinator.deployments import last_deployment, why_outdated
from shipline.coordinator.environments import may_stop
from shipline.coordinator.models import Deployment, Environment, Job, Project
from shipline.model.environment import EnvironmentState
from shipline.model.status import JobStatus
from shipline.pipeline.deployments import DeploymentStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

ENVIRONMENTS_SHOWN = 30
DEPLOYMENTS_SHOWN = 50
_D = DeploymentStatus


@dataclass(frozen=True, slots=True)
class ShownEnvironment:
    """`url` is empty when a page cannot link to it; `upcoming` deploys just now."""

    environment: Environment
    url: str
    last: Deployment | None
    upcoming: Deployment | None
    may_stop: bool


@dataclass(frozen=True, slots=True)
class ShownDeployment:
    """`again` says what its button does: the job is retried. Without a word there is no button."""

    deployment: Deployment
    job: Job | None
    is_last: bool
    again: str


def safe_url(url: str) -> str:
    """What somebody may be sent to: a web address. Anything else is shown as nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def shown(environments: Sequence[Environment], *, acts: bool) -> list[ShownEnvironment]:
    """However many they are, in two questions."""
    of_each = Deployment.objects.filter(environment=OuterRef("pk"))
    last = of_each.filter(status=_D.SUCCESS).order_by("-finished_at", "-id")
    upcoming = of_each.filter(status=_D.RUNNING, deployable__isnull=False).order_by("-id")
    numbers = Environment.objects.filter(pk__in=[one.pk for one in environments]).values_list(
        "pk", Subquery(last.values("pk")[:1]), Subquery(upcoming.values("pk")[:1])
    )
    by_environment = {pk: (there, coming) for pk, there, coming in numbers}
    related = Deployment.objects.select_related("deployable", "deployable__pipeline", "user")
    wanted = {number for pair in by_environment.values() for number in pair if number is not None}
    found = related.defer("deployable__definition").in_bulk(wanted)
    rows = []
    for environment in environments:
        there, coming = by_environment.get(environment.pk, (None, None))
        stops = acts and environment.state == EnvironmentState.AVAILABLE
        url = safe_url(environment.external_url)
        rows.append(ShownEnvironment(environment, url, found.get(there), found.get(coming), stops))
    return rows


def list_facts(
    project: Project, user: User | AnonymousUser, *, of_stopped: bool, number: int
) -> dict[str, Any]:
    """Page `number`, from 1, of those that are there, or of the stopped ones, by name."""
    all_of_them = Environment.objects.select_related("project").filter(project=project)
    stopped = all_of_them.filter(state=EnvironmentState.STOPPED)
    wanted = stopped if of_stopped else all_of_them.exclude(state=EnvironmentState.STOPPED)
    first = (number - 1) * ENVIRONMENTS_SHOWN
    rows = list(wanted.order_by("name")[first : first + ENVIRONMENTS_SHOWN + 1])
    return {
        "project": project,
        # Who may stop one of them is looked at when they ask for it: it is another question for each.
        "rows": shown(rows[:ENVIRONMENTS_SHOWN], acts=access.may(user, project, access.Ability.PLAY_JOB)),
        "of_stopped": of_stopped,
        "stopped": stopped.count(),
        "before": number - 1,
        "after": number + 1 if len(rows) > ENVIRONMENTS_SHOWN else None,
    }


def environment_facts(environment: Environment, user: User | AnonymousUser) -> dict[str, Any]:
    project = environment.project
    acts = access.level(user, project) >= access.PUSH
    (found,) = shown([environment], acts=may_stop(user, environment))
    related = Deployment.objects.select_related("deployable", "deployable__pipeline", "user")
    newest = related.filter(environment=environment).exclude(status=_D.SKIPPED).order_by("-id")
    return {
        "project": project,
        "shown": found,
        "environment": environment,
        "deployments": [_deployment(one, found.last, acts) for one in newest[:DEPLOYMENTS_SHOWN]],
    }


def _deployment(deployment: Deployment, last: Deployment | None, acts: bool) -> ShownDeployment:
    job, is_last = deployment.deployable, last is not None and last.pk == deployment.pk
    again = ""
    if acts and job is not None and not job.retried and deployment.status == _D.SUCCESS:
        again = "Deploy again" if is_last else "Roll back to this"
        if not is_last and not deployment.project.ci_forward_deployment_rollback_allowed:
            again = ""
    return ShownDeployment(deployment, job, is_last, again)


def job_facts(job: Job) -> dict[str, Any]:
    """What the page of a job says of where it deploys to, and of what keeps it from doing so."""
    environment = job.environment
    confirmation = job.definition.get("manual_confirmation") or ""
    resource_group = job.resource_group.key if job.resource_group is not None else ""
    facts: dict[str, Any] = {"confirmation": confirmation, "resource_group": resource_group}
    if environment is None:
        return facts
    manual = job.status == JobStatus.MANUAL
    return facts | {
        "environment": environment,
        "environment_url": safe_url(environment.external_url),
        "deploying": _deploying(job, environment),
        "outdated": why_outdated(job) if manual else "",
    }


_OTHER_ACTIONS = {
    "stop": "This job stops the environment",
    "prepare": "This job prepares the environment",
    "verify": "This job verifies the environment",
    "access": "This job works with the environment",
}


def _deploying(job: Job, environment: Environment) -> tuple[str, str]:
    """What stands before the environment's name, and behind it."""
    action = (job.definition.get("environment") or {}).get("action", "start")
    if action in _OTHER_ACTIONS:
        return _OTHER_ACTIONS[action], f", which is {environment.state}"
    deployment = Deployment.objects.filter(deployable=job).first()
    last = last_deployment(environment)
    if deployment is None:
        return "This job belongs to the environment", ""
    there = f"; deployment {last.iid} is there now" if last is not None else ""
    if deployment.status == _D.SUCCESS:
        is_last = last is not None and last.pk == deployment.pk
        replaced = ", and it is there now" if is_last else there
        return f"Deployment {deployment.iid} went to", replaced
    words = {
        _D.RUNNING: f"Deployment {deployment.iid} is under way to",
        _D.FAILED: f"Deployment {deployment.iid} did not get to",
        _D.CANCELED: f"Deployment {deployment.iid} was cancelled on its way to",
        _D.SKIPPED: f"Deployment {deployment.iid} never began; it was for",
    }
    return words.get(_D(deployment.status), f"Deployment {deployment.iid} will go to"), there
