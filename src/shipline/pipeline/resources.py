"""Resource groups: of the jobs of one group, in whatever pipelines, one at a time. Pure.

GitLab's process modes say who is next. In the ordered ones a job that is still to come counts too: as long as
it comes first, nobody behind it gets the resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shipline.model.status import JobStatus


class ProcessMode(StrEnum):
    UNORDERED = "unordered"
    OLDEST_FIRST = "oldest_first"
    NEWEST_FIRST = "newest_first"
    NEWEST_READY_FIRST = "newest_ready_first"


UPCOMING = frozenset({JobStatus.CREATED, JobStatus.SCHEDULED})
_TO_COME = frozenset({ProcessMode.OLDEST_FIRST, ProcessMode.NEWEST_FIRST})


@dataclass(frozen=True, slots=True)
class Contender:
    """A job of the group. `since`, seconds since the epoch, is when it began to wait; None while it is still to
    come. A manual job that nobody has started is no contender."""

    job: int
    pipeline: int
    status: JobStatus
    since: float | None = None

    @property
    def is_waiting(self) -> bool:
        return self.status is JobStatus.WAITING_FOR_RESOURCE


@dataclass(frozen=True, slots=True)
class Holder:
    job: int
    pipeline: int


def in_line(contenders: Iterable[Contender], mode: ProcessMode) -> tuple[Contender, ...]:
    """The contenders in the order in which they get the resource. Within one pipeline those who wait come first:
    waiting for a job that may need them would never end."""
    if mode is ProcessMode.UNORDERED:
        waiting = [one for one in contenders if one.is_waiting]
        return tuple(sorted(waiting, key=lambda one: (one.since or 0.0, one.job)))
    found = [one for one in contenders if one.is_waiting or (mode in _TO_COME and one.status in UPCOMING)]
    sign = 1 if mode is ProcessMode.OLDEST_FIRST else -1
    return tuple(
        sorted(found, key=lambda one: (sign * one.pipeline, not one.is_waiting, one.since or 0.0, one.job))
    )


def next_holder(contenders: Iterable[Contender], holder: Holder | None, mode: ProcessMode) -> int | None:
    """The job that gets the resource now; None while somebody holds it, or when the first in line is not ready."""
    if holder is not None:
        return None
    line = in_line(contenders, mode)
    return line[0].job if line and line[0].is_waiting else None


def why_waiting(key: str, contenders: Sequence[Contender], holder: Holder | None, mode: ProcessMode) -> str:
    """Why the others of the group wait, in a sentence without its full stop."""
    if holder is not None:
        return f"resource group {key} is held by #{holder.job} (pipeline #{holder.pipeline})"
    line = in_line(contenders, mode)
    if line and not line[0].is_waiting:
        return (
            f"resource group {key} is {mode}: #{line[0].job} (pipeline #{line[0].pipeline}) comes first and is "
            f"{line[0].status}"
        )
    return f"it waits for resource group {key}"
