"""What happens next in a pipeline, given its jobs and the time. Pure: no job, no clock is touched here.

A job is decided once everything before it is done: the jobs that it needs, or all jobs of earlier stages.
Success and allowed failures count as success. A skipped job, or a manual one that may stay undone, keeps nothing of
later stages from running, but what needs it is skipped: it is not there to give what it is needed for. A manual job
that may not stay undone holds up everything behind it. As GitLab: what was canceled has not failed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shipline.model.definition import When
from shipline.model.status import FINISHED, JobStatus, PipelineStatus, can_change
from shipline.pipeline.deployments import OUTDATED
from shipline.pipeline.state import Change, JobState, PipelineState, RetryJob, Step

_S = JobStatus
# Another attempt would fail for the same reason; and one of an outdated deployment would be the newest, and overwrite
# what this one was kept from overwriting.
_NEVER_AGAIN = frozenset({OUTDATED, "environment_creation_failure", "missing_dependency_failure"})


def advance(pipeline: PipelineState, now: float) -> tuple[Step, ...]:
    """Every step that follows from where the pipeline stands at `now` (seconds since the epoch).

    Applying the steps and calling again gives none, until something happens or time goes by; only a new
    attempt (RetryJob) is a job of its own, which the next call decides about.
    """
    jobs = {job.id: job for job in pipeline.jobs}
    steps: list[Step] = []
    for job in pipeline.current():
        if reason := retry_reason(job):
            steps.append(RetryJob(job.id, reason, at_once=job.when in (When.MANUAL, When.DELAYED)))
    # A job that is retried is not finished: what comes behind it waits for the new attempt.
    retried = {jobs[step.job].name for step in steps if isinstance(step, RetryJob)}
    current = [job for job in jobs.values() if not job.retried]
    by_name = {job.name: job for job in current}
    stages: dict[int, list[JobState]] = defaultdict(list)
    for job in current:
        stages[job.stage].append(job)
    earlier = _Earlier()
    for stage in sorted(stages):
        # Within a stage, needs may point at jobs of the same stage: repeat until nothing moves.
        while moved := [
            change
            for job in stages[stage]
            if (change := _decide(by_name[job.name], by_name, earlier, retried, now)) is not None
        ]:
            for change in moved:
                old = jobs[change.job]
                if not can_change(old.status, change.status):
                    raise ValueError(f"{old.name}: {old.status} cannot become {change.status}")
                jobs[old.id] = replace(
                    old,
                    status=change.status,
                    scheduled_at=change.scheduled_at,
                    failure_reason=change.failure_reason,
                )
                by_name[old.name] = jobs[old.id]
                steps.append(change)
        earlier.add([by_name[job.name] for job in stages[stage]], retried)
    return tuple(steps)


class _Earlier:
    """What is known of all stages before the one that is looked at."""

    def __init__(self) -> None:
        self.waiting_for: str | None = None
        self.outcome = _NOTHING

    def add(self, jobs: Sequence[JobState], retried: set[str]) -> None:
        for job in jobs:
            self.waiting_for = self.waiting_for or (
                job.name if not is_done(job) or job.name in retried else None
            )
        self.outcome = _outcome(jobs, self.outcome)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Names of jobs that what comes behind them may have to know of."""

    failed: str | None = None
    canceled: str | None = None
    absent: str | None = None


_NOTHING = _Outcome()


def _outcome(jobs: Iterable[JobState], before: _Outcome = _NOTHING) -> _Outcome:
    failed, canceled, absent = before.failed, before.canceled, before.absent
    for job in jobs:
        if job.status is _S.FAILED and not job.may_fail:
            failed = failed or job.name
        elif job.status is _S.CANCELED and not job.may_fail:
            canceled = canceled or job.name
        elif job.status is _S.SKIPPED or _may_stay_undone(job):
            absent = absent or job.name
    return _Outcome(failed, canceled, absent)


def is_done(job: JobState) -> bool:
    """Nothing behind this job has to wait for it."""
    return job.status in FINISHED or _may_stay_undone(job)


def _may_stay_undone(job: JobState) -> bool:
    return job.status is _S.MANUAL and job.allow_failure


def _decide(
    job: JobState, by_name: dict[str, JobState], earlier: _Earlier, retried: set[str], now: float
) -> Change | None:
    if job.status is _S.SCHEDULED:
        if job.scheduled_at is not None and job.scheduled_at <= now:
            return enqueue(job, "its delay is over")
        return None
    if job.status is _S.WAITING_FOR_RESOURCE:
        if job.outdated or job.holds_resource:
            return enqueue(job, f"it has resource group {job.resource_group}")
        return None
    if job.status is not _S.CREATED:
        return None
    if job.needs is None:
        # For whole stages it is as good as success that a job was skipped.
        return None if earlier.waiting_for else _start(job, replace(earlier.outcome, absent=None), now)
    needed = [by_name[need.job] for need in job.needs if need.job in by_name]
    outcome = _outcome(needed)
    if outcome.absent and job.when is not When.ALWAYS:
        return Change(job.id, _S.SKIPPED, f"{outcome.absent} did not run")
    if not all(is_done(need) and need.name not in retried for need in needed):
        return None
    return _start(job, outcome, now)


def _start(job: JobState, before: _Outcome, now: float) -> Change:
    if job.when is When.ON_FAILURE:
        if before.failed is None:
            return Change(job.id, _S.SKIPPED, "nothing before it failed")
        return enqueue(job, f"{before.failed} failed")
    if (lacking := before.failed or before.canceled) and job.when is not When.ALWAYS:
        return Change(job.id, _S.SKIPPED, f"{lacking} did not succeed")
    if job.when is When.MANUAL:
        return Change(job.id, _S.MANUAL, "somebody has to start it")
    if job.when is When.DELAYED:
        due = now + (job.start_in or 0)
        return Change(job.id, _S.SCHEDULED, f"it starts {job.start_in or 0} s from now", due)
    return enqueue(job, "everything before it is done" if job.needs or job.stage else "it is first")


def enqueue(job: JobState, reason: str) -> Change:
    """Its turn has come: it is pending, unless it deploys too late or has to wait for its resource group."""
    if job.outdated:
        return Change(job.id, _S.FAILED, job.outdated, failure_reason=OUTDATED)
    if job.resource_group is not None and not job.holds_resource:
        return Change(job.id, _S.WAITING_FOR_RESOURCE, f"it waits for resource group {job.resource_group}")
    return Change(job.id, _S.PENDING, reason, job.scheduled_at)


def retry_reason(job: JobState) -> str | None:
    """Why a failed job is to be tried again, or None."""
    if job.status is not _S.FAILED or job.retried or job.attempt >= job.retry.max:
        return None
    if job.failure_reason in _NEVER_AGAIN:
        return None
    if job.exit_code is not None and job.exit_code in job.retry.exit_codes:
        return f"it failed with exit code {job.exit_code}"
    if "always" in job.retry.when or job.failure_reason in job.retry.when:
        return f"it failed ({job.failure_reason or 'unknown_failure'})"
    return None


def next_wake(pipeline: PipelineState) -> float | None:
    """When the next delayed job is due."""
    due = [job.scheduled_at for job in pipeline.current() if job.status is _S.SCHEDULED and job.scheduled_at]
    return min(due, default=None)


def status_of(jobs: Iterable[JobState]) -> PipelineStatus:
    """A pipeline's status from the newest attempts of its jobs, as GitLab composes it: the first line that holds.
    Failures that are allowed are as good as successes (`_WARNING`), manual jobs that may stay undone do not
    count (`_IGNORED`)."""
    found = {_counted(job) for job in jobs if not job.retried}
    if not found:
        return PipelineStatus.CREATED
    for status, only in _ONLY:
        if found <= only:
            return status
    return next((status for status, any_of in _ANY if found & any_of), PipelineStatus.FAILED)


_WARNING, _IGNORED = "success with warnings", "ignored"
_P = PipelineStatus
_ONLY: tuple[tuple[PipelineStatus, frozenset[str]], ...] = (
    (_P.SKIPPED, frozenset({_S.SKIPPED, _IGNORED})),
    (_P.SUCCESS, frozenset({_S.SUCCESS, _S.SKIPPED, _WARNING, _IGNORED})),
    (_P.CREATED, frozenset({_S.CREATED, _WARNING, _IGNORED})),
    (_P.CANCELED, frozenset({_S.CANCELED, _S.SUCCESS, _S.SKIPPED, _WARNING, _IGNORED})),
    (_P.PENDING, frozenset({_S.PENDING, _S.CREATED, _S.SKIPPED, _WARNING, _IGNORED})),
)
_ANY: tuple[tuple[PipelineStatus, frozenset[str]], ...] = (
    (_P.RUNNING, frozenset({_S.RUNNING, _S.PENDING})),
    (_P.WAITING_FOR_RESOURCE, frozenset({_S.WAITING_FOR_RESOURCE})),
    (_P.MANUAL, frozenset({_S.MANUAL})),
    (_P.SCHEDULED, frozenset({_S.SCHEDULED})),
    (_P.RUNNING, frozenset({_S.CREATED})),
    (_P.CANCELING, frozenset({_S.CANCELING})),
)


def _counted(job: JobState) -> str:
    if job.status in (_S.FAILED, _S.CANCELED) and job.may_fail:
        return _WARNING
    if job.status is _S.MANUAL and job.allow_failure:
        return _IGNORED
    return job.status
