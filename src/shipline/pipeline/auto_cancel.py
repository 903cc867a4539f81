"""`workflow:auto_cancel` and `interruptible`: what a newer pipeline, or a failed job, cancels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shipline.model.status import FINISHED, JobStatus

# A job that a runner has, or has had.
_BEGUN = frozenset({JobStatus.RUNNING, JobStatus.CANCELING, JobStatus.SUCCESS, JobStatus.FAILED})
CONSERVATIVE, INTERRUPTIBLE, NONE = "conservative", "interruptible", "none"


@dataclass(frozen=True, slots=True)
class CancelableJob:
    """`may_fail`: its failure does not count. `begun`: it has run, also if it was canceled then. `bridge`: it runs on
    no runner. Times are in seconds since the epoch."""

    id: int
    status: JobStatus
    interruptible: bool = False
    begun: bool = False
    may_fail: bool = False
    created_at: float = 0
    finished_at: float | None = None
    bridge: bool = False

    @property
    def must_end(self) -> bool:
        """It has begun, and may not be interrupted. A trigger job does nothing itself: the jobs of its pipeline are
        looked at."""
        return not (self.interruptible or self.bridge) and (self.begun or self.status in _BEGUN)


@dataclass(frozen=True, slots=True)
class OlderPipeline:
    """A pipeline for the same ref that is not over. A child counts as old as its root (`root`)."""

    id: int
    root: int
    sha: str
    on_new_commit: str
    jobs: tuple[CancelableJob, ...]


def superseded(newer: int, sha: str, others: Iterable[OlderPipeline]) -> dict[int, tuple[int, ...]]:
    """The jobs that the pipeline `newer` for commit `sha` cancels, by pipeline.

    A pipeline for the same commit stays: it was started beside the other, not before it. A conservative one is
    canceled whole, unless a job has begun that may not be interrupted; of one that says interruptible, those
    jobs are canceled that may be, whether they have begun or not.
    """
    found = {}
    for other in others:
        if other.root >= newer or other.sha == sha or other.on_new_commit == NONE:
            continue
        alive = [job for job in other.jobs if job.status not in FINISHED]
        if other.on_new_commit == INTERRUPTIBLE:
            chosen = [job.id for job in alive if job.interruptible]
        elif any(job.must_end for job in other.jobs):
            chosen = []
        else:
            chosen = [job.id for job in alive]
        if chosen:
            found[other.id] = tuple(chosen)
    return found


def after_failure(on_job_failure: str, jobs: Sequence[CancelableJob]) -> tuple[int, ...]:
    """With `on_job_failure: all`, what is canceled because one job failed: everything that was there then and is
    not over. What somebody has started again since is left."""
    if on_job_failure != "all":
        return ()
    failures = [
        job.finished_at or job.created_at
        for job in jobs
        if job.status is JobStatus.FAILED and not job.may_fail
    ]
    if not failures:
        return ()
    done = FINISHED | {JobStatus.CANCELING}
    return tuple(job.id for job in jobs if job.status not in done and job.created_at <= max(failures))
