"""What is done at intervals: dead runners, delays that are over, old artifacts. Looks, asks sweep_plan.py, acts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max, Q

from shipline.coordinator import environments, matching, resource_groups, schedules, sweep_plan
from shipline.coordinator.artifacts import remove_artifact
from shipline.coordinator.jobs import give_back, give_up
from shipline.coordinator.models import Job, JobArtifact, Pipeline, RunnerManager
from shipline.coordinator.one_by_one import one_by_one
from shipline.coordinator.progress import advance_pipeline
from shipline.coordinator.runners import STALE, all_facts, waiting
from shipline.coordinator.services import services
from shipline.coordinator.sweep_plan import Action, GiveBack, Memory, Seen
from shipline.model.status import JobStatus

# So many artifacts are deleted in one go: others want the database too.
DELETED_AT_ONCE = 100
DELETING_SECONDS = 10.0
_LOOKED_AT = (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELING)


# A job that no runner has may wait for an hour: so often is the queue looked through.
QUEUE_SECONDS = 30.0
# Of what a runner may be silent, so much may pass from look to look.
LOOKS_IN_A_SILENCE = 40
_WITHOUT_RUNNER = Q(status=JobStatus.PENDING, runner_manager=None)


class Sweeper:
    """Remembers from sweep to sweep what it has seen; one per process."""

    def __init__(self) -> None:
        self._clock = self._with_runners = self._queued = sweep_plan.EMPTY
        self._looked_at = self._queue_looked_at = self._deleted_at = float("-inf")

    def sweep(self, now: datetime, steady: float) -> None:
        """Fail jobs whose runner is silent, that run too long or that nobody takes; give back those that were
        not begun; start delayed ones that are due; hand over resources; stop environments whose time is over;
        delete artifacts that have expired. `steady`: seconds of a clock that only goes on."""
        runners = services().config.runners
        limits = sweep_plan.Limits(float(runners.silence_seconds), float(runners.acknowledge_seconds))
        before = self._clock
        self._clock = sweep_plan.look(before, (), now.timestamp(), steady, limits)
        if sweep_plan.clock_is_new(before, self._clock):
            schedules.plan_anew(now)
        if steady - self._looked_at >= min(limits.silence, limits.acknowledge) / LOOKS_IN_A_SILENCE:
            self._looked_at = steady
            self._with_runners = _see_to(self._with_runners, ~_WITHOUT_RUNNER, now, steady, limits)
        if steady - self._queue_looked_at >= QUEUE_SECONDS:
            self._queue_looked_at = steady
            self._queued = _see_to(self._queued, _WITHOUT_RUNNER, now, steady, limits)
        _start_delayed(now)
        resource_groups.hand_over_all()
        if not sweep_plan.may_delete(self._clock, steady):
            return
        environments.sweep(now)
        if steady - self._deleted_at > DELETING_SECONDS:
            self._deleted_at = steady
            delete_expired(now)
            forget_stale_managers(now)


def _see_to(memory: Memory, which: Q, now: datetime, steady: float, limits: sweep_plan.Limits) -> Memory:
    """Look at these jobs, and do what is due. Answers what is remembered of them."""
    jobs = _jobs(which, now)
    memory = sweep_plan.look(memory, jobs, now.timestamp(), steady, limits)
    unmatched = _unmatched(sweep_plan.long_pending(memory, jobs, steady))
    seen = {job.id: job for job in jobs}
    actions = sweep_plan.plan(memory, jobs, unmatched, steady, limits)
    one_by_one(actions, lambda action: _carry_out(action, seen[action.job]), "jobs that wait or run too long")
    return memory


def _carry_out(action: Action, seen: Seen) -> None:
    job = Job.objects.get(pk=action.job)
    if (job.status, str(job.contacted_at)) != (seen.status, seen.contact):
        # A word of its runner, or another's of it, has come since it was looked at.
        return
    if isinstance(action, GiveBack):
        give_back(job, action.reason)
    else:
        give_up(job, action.failure_reason, action.reason, action.advice)


def _jobs(which: Q, now: datetime) -> list[Seen]:
    names = ("pk", "status", "contacted_at", "runner_manager", "timeout", "started_at", "queued_at")
    rows: Iterable[Any] = Job.objects.filter(which, status__in=_LOOKED_AT, bridge=False).values_list(*names)
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
    one_by_one(set(due.values_list("pipeline", flat=True)), advance_pipeline, "pipelines with delayed jobs")


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
