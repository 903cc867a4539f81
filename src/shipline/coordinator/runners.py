"""Runners and their managers: who asks, what is known of them, their tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Manager
from django.utils import timezone

from shipline.coordinator import matching, tokens
from shipline.coordinator.jobs import give_back
from shipline.coordinator.matching import GROUP, INSTANCE, PROJECT, RunnerFacts, Waiting
from shipline.coordinator.models import Job, Project, RegistrationToken, Runner, RunnerManager
from shipline.coordinator.prepared import Prepared
from shipline.coordinator.progress import definition_of
from shipline.coordinator.refusal import NotKnown, Refusal
from shipline.coordinator.services import services
from shipline.model.status import JobStatus
from shipline.protocols import runner_api as api

# How often a sign of life is written down: a runner may ask every second.
CONTACT_INTERVAL = timedelta(seconds=30)
ONLINE, STALE = timedelta(hours=2), timedelta(days=7)
UNTAGGED = "can not be empty when runner is not allowed to pick untagged jobs"
LEGACY_SYSTEM_ID = "<legacy>"
GETS_READY = "a runner makes itself ready for it"
_TOLD = ("version", "revision", "platform", "architecture", "executor")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a runner by its token, and the manager by its system_id."""

    runner: Runner
    manager: RunnerManager


def authenticate(token: str) -> Runner:
    """Raises Refusal 403 for a token that is unknown or has expired."""
    runner = tokens.runner_of(token)
    if runner is None:
        raise NotKnown(403, "403 Forbidden")
    return runner


def contact(token: str, system_id: str, info: api.RunnerVersionInfo, address: str) -> Caller:
    """A runner says who it is and what it can do. Raises Refusal: 403 as `authenticate`, 422 when it is a
    project runner and no project has it any more."""
    manager = _known_manager(token, system_id)
    runner = manager.runner if manager else authenticate(token)
    if runner.runner_type == PROJECT and not runner.projects.exists():
        raise Refusal(422, "422 Unprocessable Entity - Runner is orphaned: its project is gone")
    told: dict[str, Any] = {name: getattr(info, name)[:64] for name in _TOLD}
    told |= {"ip_address": address[:64], "features": info.features.model_dump(mode="json")}
    now = timezone.now()
    created = manager is None
    if manager is None:
        manager, created = RunnerManager.objects.get_or_create(
            runner=runner,
            system_id=system_id[:64] or LEGACY_SYSTEM_ID,
            defaults={**told, "contacted_at": now},
        )
    changed = any(getattr(manager, name) != value for name, value in told.items())
    if not created and (changed or _is_due(manager.contacted_at, now)):
        for name, value in told.items():
            setattr(manager, name, value)
        manager.contacted_at = now
        manager.save(update_fields=[*told, "contacted_at"])
    if _is_due(runner.contacted_at, now):
        Runner.objects.filter(pk=runner.pk).update(contacted_at=now)
    return Caller(runner, manager)


def _known_manager(token: str, system_id: str) -> RunnerManager | None:
    """With its runner, in one question to the database: this is most of what runners ask."""
    if not 0 < len(token) <= tokens.LENGTH_LIMIT:
        return None
    found = _MANAGER.first(tokens.digest(token), system_id[:64] or LEGACY_SYSTEM_ID)
    return found if found is not None and not tokens.has_expired(found.runner) else None


_MANAGER = Prepared(
    lambda digest, system_id: RunnerManager.objects.select_related("runner").filter(
        runner__token_hash=digest, system_id=system_id
    ),
    "a digest",
    "a system_id",
)


def _is_due(contacted_at: datetime | None, now: datetime) -> bool:
    # A clock that was set back must not make it old for ever.
    return contacted_at is None or not now - CONTACT_INTERVAL < contacted_at <= now


def create_runner(prefix: str, projects: Iterable[Project] = (), **fields: Any) -> tuple[Runner, str]:
    """A runner and its token, which nobody can look up later."""
    token = tokens.fresh(prefix)
    with transaction.atomic():
        runner = Runner.objects.create(**_with_token(token), **fields)
        runner.projects.set(projects)
    return runner, token


def reset_token(runner: Runner) -> str:
    """Another token; the one before opens nothing from now on."""
    prefix = tokens.RUNNER if runner.creator_id is not None else tokens.REGISTERED_RUNNER
    token = tokens.fresh(prefix)
    for name, value in _with_token(token).items():
        setattr(runner, name, value)
    runner.save(update_fields=["token_hash", "short_token", "token_expires_at"])
    return token


def _with_token(token: str) -> dict[str, Any]:
    seconds = services().config.runners.token_expiration_seconds
    plain = token.removeprefix(tokens.RUNNER).removeprefix(tokens.REGISTERED_RUNNER)
    return {
        "token_hash": tokens.digest(token),
        "short_token": plain[:9],
        "token_expires_at": timezone.now() + timedelta(seconds=seconds) if seconds else None,
    }


def reset_registration_token(project: Project | None) -> str:
    """A registration token in place of the one before, if there was one. Raises Refusal 403 where runners are
    not made that way."""
    if not services().config.runners.allow_registration_token:
        raise Refusal(
            403,
            "403 Forbidden - registration tokens are off: create runners with POST /user/runners, or set "
            "allow_registration_token in [runners] of config.toml",
        )
    token = tokens.REGISTRATION + tokens.fresh("")
    with transaction.atomic():
        RegistrationToken.objects.filter(project=project).delete()
        RegistrationToken.objects.create(project=project, token_hash=tokens.digest(token))
    return token


def register(token: str, **fields: Any) -> tuple[Runner, str]:
    """A runner made by a registration token: for its project, or for all. Raises Refusal 410 where that is not
    allowed, 403 for a wrong token, 400."""
    if not services().config.runners.allow_registration_token:
        raise Refusal(
            410,
            "410 Gone - create a runner with POST /user/runners and use its glrt- token for gitlab-runner",
        )
    found = None
    if 0 < len(token) <= tokens.LENGTH_LIMIT:
        rows = RegistrationToken.objects.select_related("project")
        found = rows.filter(token_hash=tokens.digest(token)).first()
    if found is None:
        raise NotKnown(403, "403 Forbidden")
    if not fields.get("tags") and not fields.get("run_untagged", True):
        raise Refusal(400, f"400 Bad request - tags_list {UNTAGGED}")
    projects = [found.project] if found.project else []
    kind = PROJECT if projects else INSTANCE
    return create_runner(tokens.REGISTERED_RUNNER, projects, runner_type=kind, **fields)


def remove_manager(token: str, system_id: str) -> None:
    """Raises Refusal 400 without a system_id, 403 and 404."""
    runner = authenticate(token)
    if not system_id:
        raise Refusal(400, "400 Bad request - system_id is missing")
    manager = RunnerManager.objects.filter(runner=runner, system_id=system_id).first()
    if manager is None:
        raise Refusal(404, "404 Runner Manager Not Found")
    with transaction.atomic():
        _give_back_all(manager.jobs)
        manager.delete()


def remove_runner(runner: Runner) -> None:
    """With its managers. What runs there goes on: a job's own token opens all that it needs."""
    with transaction.atomic():
        _give_back_all(runner.jobs)
        runner.delete()


def _give_back_all(jobs: Manager[Job]) -> None:
    """Jobs that were handed out and not begun go to other runners, who are told."""
    for job in jobs.filter(status=JobStatus.PENDING).exclude(runner_manager=None).order_by("pk"):
        give_back(job, "the runner that had it was removed: it waits for another")


def status_of(contacted_at: datetime | None, created_at: datetime, now: datetime) -> str:
    """GitLab's word for how lately a runner or a manager was heard of."""
    if contacted_at is None:
        return "stale" if now - created_at > STALE else "never_contacted"
    if now - contacted_at <= ONLINE:
        return "online"
    return "stale" if now - contacted_at > STALE else "offline"


def facts_of(runner: Runner) -> RunnerFacts:
    if runner.runner_type == INSTANCE:
        return _facts(runner)
    if runner.runner_type == GROUP:
        path = runner.group.full_path if runner.group is not None else ""
        served = Project.objects.filter(path_with_namespace__startswith=f"{path}/")
        return replace(_facts(runner), projects=frozenset(served.values_list("pk", flat=True)))
    return replace(_facts(runner), projects=frozenset(project.pk for project in runner.projects.all()))


def _facts(runner: Runner) -> RunnerFacts:
    return RunnerFacts(
        runner_type=runner.runner_type,
        tags=frozenset(runner.tags),
        run_untagged=runner.run_untagged,
        protected_only=runner.protected_only,
        paused=runner.paused,
        online=_online(runner.contacted_at, runner.created_at, timezone.now()),
    )


def all_facts() -> list[RunnerFacts]:
    """Of runners that are alike once: of instance runners, which serve everybody, there may be hundreds."""
    now = timezone.now()
    names = ("tags", "run_untagged", "protected_only", "paused", "contacted_at", "created_at")
    found = {
        RunnerFacts(
            INSTANCE,
            frozenset(),
            frozenset(tags),
            untagged,
            protected,
            paused,
            _online(contacted, created, now),
        )
        for tags, untagged, protected, paused, contacted, created in Runner.objects.filter(
            runner_type=INSTANCE
        ).values_list(*names)
    }
    others = Runner.objects.exclude(runner_type=INSTANCE).select_related("group").prefetch_related("projects")
    return [*found, *(facts_of(runner) for runner in others)]


def _online(contacted_at: datetime | None, created_at: datetime, now: datetime) -> bool:
    return status_of(contacted_at, created_at, now) == "online"


def serving(jobs: Iterable[Job]) -> list[RunnerFacts]:
    """What `reason_of` needs: the runners, when one of these jobs waits for one."""
    return all_facts() if any(job.status == JobStatus.PENDING for job in jobs) else []


def reason_of(job: Job, runners: Iterable[RunnerFacts]) -> str:
    """Why the job has its status, as pages, REST and `git push` tell it: a sentence without capital and stop."""
    if job.status != JobStatus.PENDING:
        return job.reason
    return matching.why_waiting(waiting(job), runners) if job.runner_manager_id is None else GETS_READY


def waiting(job: Job) -> Waiting:
    pipeline = job.pipeline
    return Waiting(job.pk, job.project_id, definition_of(job).tags, pipeline.protected, pipeline.ref)
