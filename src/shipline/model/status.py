"""Statuses of jobs and pipelines, in GitLab's words. A status changes only along this table."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    CREATED = "created"
    WAITING_FOR_RESOURCE = "waiting_for_resource"
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    PENDING = "pending"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


class PipelineStatus(StrEnum):
    CREATED = "created"
    WAITING_FOR_RESOURCE = "waiting_for_resource"
    PENDING = "pending"
    RUNNING = "running"
    MANUAL = "manual"
    SCHEDULED = "scheduled"
    CANCELING = "canceling"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


_S = JobStatus

FINISHED = frozenset({_S.SUCCESS, _S.FAILED, _S.CANCELED, _S.SKIPPED})
PIPELINE_FINISHED = frozenset(PipelineStatus(status) for status in FINISHED)
ACTIVE = frozenset({_S.PENDING, _S.RUNNING, _S.CANCELING})

JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    _S.CREATED: frozenset(
        {_S.PENDING, _S.MANUAL, _S.SCHEDULED, _S.WAITING_FOR_RESOURCE, _S.SKIPPED, _S.CANCELED, _S.FAILED}
    ),
    _S.WAITING_FOR_RESOURCE: frozenset({_S.PENDING, _S.CANCELED, _S.FAILED}),
    _S.SCHEDULED: frozenset({_S.PENDING, _S.WAITING_FOR_RESOURCE, _S.CANCELED, _S.FAILED}),
    _S.MANUAL: frozenset({_S.PENDING, _S.WAITING_FOR_RESOURCE, _S.CANCELED}),
    # Handed to a runner that has not begun it, or given back by it, a job stays pending.
    _S.PENDING: frozenset({_S.RUNNING, _S.FAILED, _S.CANCELED}),
    # running -> skipped is of trigger jobs alone, which mirror a pipeline that was skipped.
    _S.RUNNING: frozenset({_S.SUCCESS, _S.FAILED, _S.CANCELING, _S.CANCELED, _S.SKIPPED}),
    # However it ends, it was cancelled, and is not retried by itself.
    _S.CANCELING: frozenset({_S.CANCELED}),
    _S.SUCCESS: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELED: frozenset(),
    # A skipped job comes back when the job before it is retried and succeeds.
    _S.SKIPPED: frozenset({_S.CREATED}),
}


def can_change(old: JobStatus, new: JobStatus) -> bool:
    """True when a job may go from `old` to `new`."""
    return new in JOB_TRANSITIONS[old]
