"""What is done at intervals: dead runners, delays that are over, old artifacts. Looks, asks sweep_plan.py, acts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max

from shipline.coordinator import environments, matching, resource_groups, schedules, sweep_plan
from shipline.coordinator.artifacts import remove_artifact
from shipline.coordinator.jobs import give_back, give_up
from shipline.coordinator.models import Job, JobArtifact, Pipeline, RunnerManager
from shipline.coordinator.progress import advance_pipeline
from shipline.coordinator.runners import STALE, all_facts, waiting
from shipline.coordinator.services import services
from shipline.coordinator.sweep_plan import GiveBack, Seen
from shipline.model.status import JobStatus

# So many artifacts are deleted in one go: others want the database too.
DELETED_AT_ONCE = 100
DELETING_SECONDS = 10.0
_LOOKED_AT = (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELING)


class Sweeper:
    """Remembers from sweep to sweep what it has seen; one per process."""

    def __init__(self) -> None:
        self._memory = sweep_plan.EMPTY
        self._deleted_at = float("-inf")

    def sweep(self, now: datetime, steady: float) -> None:
        """Fail jobs whose runner is silent, that run too long or that nobody takes; give back those that were
        not begun; start delayed ones that are due; hand over resources; stop environments whose time is over;
        delete artifacts that have expired. `steady`: seconds of a clock that only goes on."""
        runners = services().config.runners
        limits = sweep_plan.Limits(float(runners.silence_seconds), float(runners.acknowledge_seconds))
        jobs = _jobs(now)
        before = self._memory
        self._memory = sweep_plan.look(before, jobs, now.timestamp(), steady, limits)
        if sweep_plan.clock_is_new(before, self._memory):
            schedules.plan_anew(now)
        unmatched = _unmatched(sweep_plan.long_pending(self._memory, jobs, steady))
        for action in sweep_plan.plan(self._memory, jobs, unmatched, steady, limits):
            job = Job.objects.filter(pk=action.job).first()
            if job is None:
                continue
            if isinstance(action, GiveBack):
                give_back(job, action.reason)
            else:
                give_up(job, action.failure_reason, action.reason, action.advice)
        _start_delayed(now)
        resource_groups.hand_over_all()
        if not sweep_plan.may_delete(self._memory, steady):
            return
        environments.sweep(now)
        if steady - self._deleted_at > DELETING_SECONDS:
            self._deleted_at = steady
            delete_expired(now)
            forget_stale_managers(now)


def _jobs(now: datetime) -> list[Seen]:
    names = ("pk", "status", "contacted_at", "runner_manager", "timeout", "started_at", "queued_at")
    rows: Iterable[Any] = Job.objects.filter(status__in=_LOOKED_AT, bridge=False).values_list(*names)
    return [
        Seen(
            id=pk,
            status=JobStatus(status),
            contact=str(contacted_at),
            waiting=status == JobStatus.PENDING and manager is not None,
            timeout=float(timeout),
            age_running=(now - started_at).total_seconds() if started_at else 0.0,
            age_pending=(now - queued_at).total_seconds() if queued_at else 0.0,
        )
        for pk, status, contacted_at, manager, timeout, started_at, queued_at in rows
    ]


def _unmatched(job_ids: list[int]) -> frozenset[int]:
    if not job_ids:
        return frozenset()
    serving = all_facts()
    found = Job.objects.select_related("pipeline").filter(pk__in=job_ids)
    return frozenset(
        job.pk
        for job in found
        if not any(matching.objection(runner, waiting(job)) is None for runner in serving)
    )


def _start_delayed(now: datetime) -> None:
    due = Job.objects.filter(status=JobStatus.SCHEDULED, scheduled_at__lte=now)
    for pipeline in set(due.values_list("pipeline", flat=True)):
        advance_pipeline(pipeline)


def delete_expired(now: datetime) -> None:
    """Except those of the newest pipeline of a branch or tag that succeeded, where the project keeps them: what
    is deployed can then always be had again."""
    expired = JobArtifact.objects.select_related("job__pipeline").filter(expire_at__lt=now).order_by("id")
    kept = _newest_successful(expired)
    removed = 0
    for artifact in expired.iterator(chunk_size=DELETED_AT_ONCE):
        if artifact.job.pipeline_id in kept:
            continue
        remove_artifact(artifact)
        removed += 1
        if removed >= DELETED_AT_ONCE:
            return


def forget_stale_managers(now: datetime) -> None:
    """Machines that come and go leave rows behind: after a week without a word, as with GitLab, they are forgotten.
    One that comes back is known anew."""
    busy = Job.objects.filter(status__in=_LOOKED_AT).exclude(runner_manager=None).values("runner_manager")
    RunnerManager.objects.filter(contacted_at__lt=now - STALE).exclude(pk__in=busy).delete()


def _newest_successful(expired: Any) -> set[int]:
    """Of the branches and tags whose pipelines these artifacts are of."""
    keeping = expired.exclude(job__project__ci_settings__keep_latest_artifact=False)
    projects = set(keeping.values_list("job__project", flat=True))
    if not projects:
        return set()
    rows = Pipeline.objects.filter(project__in=projects, status="success")
    newest = rows.order_by().values("project", "ref", "ref_type").annotate(newest=Max("id"))
    return {row["newest"] for row in newest}
