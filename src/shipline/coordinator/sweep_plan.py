"""What the sweep does, given what it sees and for how long it has seen it. Pure.

The wall clock is not believed: it may be set, and a machine may sleep. How long something has lasted is what the
sweep has watched itself, by a clock that only goes on (`mark` says what was seen; as long as it stays the same, time
adds up), plus, for what lasted before the first look, what the wall clock says, but never more than the limit. So a
clock that jumps by a year fails nothing at once, and neither does a coordinator that was down for an hour: every
runner has a full turn to be heard of again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shipline.model.status import JobStatus

PENDING_SECONDS, UNMATCHED_SECONDS = 24 * 3600.0, 3600.0
# At least so long has a pending job been watched before it is failed; a running one as long as a silence.
WATCHED_SECONDS = 60.0
# The wall clock and the one that only goes on must agree that well, from one look to the next.
CLOCK_TOLERANCE = 30.0
# After a jump nothing is deleted or stopped for so long: somebody may set the clock right again.
CALM_SECONDS = 3600.0
# What somebody does about a runner that tells nothing of its job any more.
SILENT = "Look whether it runs and reaches the coordinator (shipline runner status on its machine), then retry the job."


@dataclass(frozen=True, slots=True)
class Seen:
    """A job that may need something. `contact` is the last sign of life, in whatever form: only that it changes
    counts. `waiting`: handed to a manager that has not begun it. Ages are seconds by the wall clock."""

    id: int
    status: JobStatus
    contact: str
    waiting: bool = False
    timeout: float = 3600.0
    age_running: float = 0.0
    age_pending: float = 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """`mark` has been the same since `since`; before that it had lasted `before` seconds."""

    mark: str
    since: float
    before: float = 0.0

    def lasted(self, now: float) -> float:
        return self.before + (now - self.since)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the sweep remembers from look to look: per job its silence, and how long it has had its status.
    `clock` is wall minus steady; `calm_until` is by the steady clock."""

    silence: Mapping[int, Watched]
    status: Mapping[int, Watched]
    clock: float | None = None
    calm_until: float = 0.0


EMPTY = Memory({}, {})
NOT_BEGUN = "the runner that had it did not begin: it waits for another"


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: how long a runner may say nothing of a job that it runs, and of one that it has not begun."""

    silence: float = 600.0
    acknowledge: float = 120.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    job: int
    failure_reason: str
    reason: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class GiveBack:
    job: int
    reason: str


Action = GiveUp | GiveBack


def look(memory: Memory, jobs: Iterable[Seen], wall: float, steady: float, limits: Limits) -> Memory:
    """What is remembered after this look. Jobs that are not seen any more are forgotten."""
    found = list(jobs)
    silence, status = {}, {}
    for job in found:
        silence[job.id] = _watch(memory.silence.get(job.id), f"{job.status} {job.contact}", steady, 0.0)
        before = min(max(0.0, _age(job)), _limit(job, limits))
        status[job.id] = _watch(memory.status.get(job.id), _phase(job), steady, before)
    clock = wall - steady
    jumped = memory.clock is not None and abs(clock - memory.clock) > CLOCK_TOLERANCE
    calm_until = steady + CALM_SECONDS if jumped else memory.calm_until
    return Memory(silence, status, clock, calm_until)


def _watch(known: Watched | None, mark: str, now: float, before: float) -> Watched:
    return known if known is not None and known.mark == mark else Watched(mark, now, before)


def _phase(job: Seen) -> str:
    if job.status is JobStatus.PENDING:
        return "waiting" if job.waiting else "pending"
    return "running"


def _age(job: Seen) -> float:
    return job.age_pending if job.status is JobStatus.PENDING else job.age_running


def _limit(job: Seen, limits: Limits) -> float:
    if job.status is JobStatus.PENDING:
        return PENDING_SECONDS
    return job.timeout + limits.silence


def long_pending(memory: Memory, jobs: Iterable[Seen], steady: float) -> list[int]:
    """Jobs about which `plan` needs to know whether any runner could take them."""
    return [
        job.id
        for job in jobs
        if job.status is JobStatus.PENDING
        and not job.waiting
        and memory.status[job.id].lasted(steady) > UNMATCHED_SECONDS
    ]


def plan(
    memory: Memory, jobs: Iterable[Seen], unmatched: frozenset[int], steady: float, limits: Limits
) -> list[Action]:
    """`unmatched` are those of `long_pending` that no runner could take."""
    found = (_decide(memory, job, unmatched, steady, limits) for job in jobs)
    return [action for action in found if action is not None]


def _decide(
    memory: Memory, job: Seen, unmatched: frozenset[int], steady: float, limits: Limits
) -> Action | None:
    silence, status = memory.silence[job.id], memory.status[job.id]
    if job.waiting:
        if silence.lasted(steady) > limits.acknowledge:
            return GiveBack(job.id, NOT_BEGUN)
        return None
    if job.status is JobStatus.PENDING:
        if steady - status.since < WATCHED_SECONDS:
            return None
        if status.lasted(steady) > PENDING_SECONDS:
            return GiveUp(job.id, "stuck_or_timeout_failure", "no runner took it for a day")
        if job.id in unmatched and status.lasted(steady) > UNMATCHED_SECONDS:
            return GiveUp(job.id, "stuck_or_timeout_failure", "no runner that could take it came for an hour")
        return None
    if silence.lasted(steady) > limits.silence:
        return GiveUp(job.id, "stuck_or_timeout_failure", "its runner fell silent", SILENT)
    # Its runner ends it in time; this is for one that does not.
    if steady - status.since >= limits.silence and status.lasted(steady) > job.timeout + limits.silence:
        return GiveUp(job.id, "job_execution_timeout", "it ran too long")
    return None


def clock_is_new(before: Memory, after: Memory) -> bool:
    """At the first look, and after a jump: what was worked out by another clock may be wrong."""
    return before.clock is None or before.calm_until != after.calm_until


def may_delete(memory: Memory, steady: float) -> bool:
    """False for a while after the clock jumped: what is deleted, or stopped, does not come back."""
    return steady >= memory.calm_until
