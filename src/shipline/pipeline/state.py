"""A pipeline as its life-cycle sees it: small frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from shipline.model.definition import Need, Retry, When
from shipline.model.status import JobStatus


@dataclass(frozen=True, slots=True)
class JobState:
    """`stage` is the stage's position. `attempt` counts from 0. `scheduled_at`, seconds since the epoch, is
    when a delayed job is due. `retried`: a newer attempt of the same job stands in its place. `resource_group`
    is the key of the one that it needs, `holds_resource` that it has it. `outdated`: why it must not deploy any
    more."""

    id: int
    name: str
    stage: int
    status: JobStatus = JobStatus.CREATED
    when: When = When.ON_SUCCESS
    allow_failure: bool = False
    allow_failure_exit_codes: tuple[int, ...] = ()
    needs: tuple[Need, ...] | None = None
    start_in: int | None = None
    scheduled_at: float | None = None
    retry: Retry = field(default_factory=Retry)
    attempt: int = 0
    failure_reason: str = ""
    exit_code: int | None = None
    retried: bool = False
    resource_group: str | None = None
    holds_resource: bool = False
    outdated: str = ""

    @property
    def may_fail(self) -> bool:
        """True when this job's failure, if it has failed, does not count."""
        if self.allow_failure:
            return True
        return self.exit_code is not None and self.exit_code in self.allow_failure_exit_codes


@dataclass(frozen=True, slots=True)
class PipelineState:
    jobs: tuple[JobState, ...]

    def current(self) -> tuple[JobState, ...]:
        """The newest attempt of every job."""
        return tuple(job for job in self.jobs if not job.retried)


@dataclass(frozen=True, slots=True)
class Change:
    """A job's next status, and why, in a sentence for people."""

    job: int
    status: JobStatus
    reason: str
    scheduled_at: float | None = None
    failure_reason: str = ""


@dataclass(frozen=True, slots=True)
class RetryJob:
    """A new attempt of a job is wanted in place of the failed one. `at_once`: somebody has started it, or it has
    waited for its time; neither is asked for again."""

    job: int
    reason: str
    at_once: bool = False


Step = Change | RetryJob
