"""What happens next in a pipeline, given its jobs and the time. Pure: no job, no clock is touched here.

A job is decided once everything before it is done: the jobs that it needs, or all jobs of earlier stages.
Success, skipped and allowed failures count as success; a manual job that may stay undone counts as skipped,
one that may not holds up everything behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from shipline.model.definition import When
from shipline.model.status import FINISHED, JobStatus, PipelineStatus, can_change
from shipline.pipeline.deployments import OUTDATED
from shipline.pipeline.state import Change, JobState, PipelineState, RetryJob, Step

_S = JobStatus


def advance(pipeline: PipelineState, now: float) -> tuple[Step, ...]:
    """Every step that follows from where the pipeline stands at `now` (seconds since the epoch).

    Applying the steps and calling again gives none, until something happens or time goes by; only a new
    attempt (RetryJob) is a job of its own, which the next call decides about.
    """
    jobs = {job.id: job for job in pipeline.jobs}
    steps: list[Step] = []
    for job in pipeline.current():
        if reason := retry_reason(job):
            steps.append(RetryJob(job.id, reason))
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
        self.failed: str | None = None

    def add(self, jobs: Sequence[JobState], retried: set[str]) -> None:
        for job in jobs:
            self.waiting_for = self.waiting_for or (
                job.name if not is_done(job) or job.name in retried else None
            )
            self.failed = self.failed or (job.name if is_failed(job) else None)


def is_done(job: JobState) -> bool:
    """Nothing behind this job has to wait for it."""
    return job.status in FINISHED or (job.status is _S.MANUAL and job.allow_failure)


def is_failed(job: JobState) -> bool:
    """This job keeps jobs behind it from running."""
    return job.status in (_S.FAILED, _S.CANCELED) and not job.may_fail


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
    if job.needs is not None:
        needed = [by_name[need.job] for need in job.needs if need.job in by_name]
        if any(not is_done(need) for need in needed) or any(need.job in retried for need in job.needs):
            return None
        # A skipped need is not there to give what it was needed for.
        failed = next((need.name for need in needed if is_failed(need) or need.status is _S.SKIPPED), None)
        held_by = next((need.name for need in needed if need.status is _S.MANUAL), None)
        if held_by and not failed:
            return None
    else:
        if earlier.waiting_for:
            return None
        failed = earlier.failed
    return _start(job, failed, now)


def _start(job: JobState, failed: str | None, now: float) -> Change:
    if job.when is When.ON_FAILURE:
        if failed is None:
            return Change(job.id, _S.SKIPPED, "nothing before it failed")
        return enqueue(job, f"{failed} failed")
    if failed is not None and job.when is not When.ALWAYS:
        return Change(job.id, _S.SKIPPED, f"{failed} did not succeed")
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
    # A new attempt would be the newest deployment, and overwrite what this one was kept from overwriting.
    if job.failure_reason == OUTDATED:
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
