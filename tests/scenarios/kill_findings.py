"""What was seen of a system whose programs were killed again and again, and what is wrong with it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

FINISHED = frozenset({"success", "failed", "canceled", "skipped"})
# A job whose runner was killed ends with one of these; nothing else may happen to a script that does no wrong.
LOST = frozenset({"runner_system_failure", "runner_interrupted", "stuck_or_timeout_failure"})


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job, as REST tells of it in the end. `log` says whether its last word is in its log."""

    id: int
    pipeline: int
    name: str
    status: str
    reason: str | None = None
    retried: bool = False
    log_whole: bool = True


@dataclass
class Seen:
    """The history of statuses, look by look."""

    statuses: dict[int, str] = field(default_factory=dict)
    pipelines: dict[int, str] = field(default_factory=dict)
    names: dict[int, tuple[int, str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def look(self, pipeline: int, job: int, name: str, status: str) -> None:
        before = self.statuses.get(job)
        # Only a skipped job may come back: when one before it is tried again.
        if before in FINISHED and before not in (status, "skipped"):
            self.wrong.append(f"job {job} ({name}) was {before}, and became {status}")
        self.statuses[job], self.names[job] = status, (pipeline, name)

    @property
    def finished(self) -> int:
        """Of how many jobs the newest attempt is over."""
        newest = {place: job for job, place in sorted(self.names.items())}
        return sum(self.statuses[job] in FINISHED for job in newest.values())


@dataclass(frozen=True)
class Findings:
    """`begun` and `ended`: how often each attempt's script did, by its CI_JOB_ID. `pipelines`: status by id.
    `shas`: of each pushed commit the number of its pipelines. `left`: what the engine still has of the runners'
    owners. `journal`: jobs that the runners still have in hand. `raised`: exceptions in the programs' logs."""

    seed: int
    jobs: int
    kills: Mapping[str, int]
    seconds: float
    attempts: Sequence[Attempt]
    pipelines: Mapping[int, str]
    shas: Mapping[str, int]
    begun: Mapping[int, int]
    ended: Mapping[int, int]
    changes: Sequence[str] = ()
    left: Sequence[str] = ()
    journal: Sequence[str] = ()
    raised: Sequence[str] = ()

    def final(self) -> Counter[str]:
        """Statuses of the jobs: of their newest attempts."""
        return Counter(one.status for one in self.attempts if not one.retried)

    def lost(self) -> Counter[str]:
        """Why attempts failed."""
        return Counter(one.reason or "" for one in self.attempts if one.status == "failed")

    def faults(self) -> list[str]:
        return [*self._of_attempts(), *self._of_pipelines(), *self.changes, *self._left_over()]

    def _of_attempts(self) -> Iterator[str]:
        for one in self.attempts:
            told = f"job {one.id} ({one.name}, {one.status} {one.reason or ''})"
            begun, ended = self.begun.get(one.id, 0), self.ended.get(one.id, 0)
            if one.status not in ("success", "failed", "skipped"):
                yield f"{told} has no end"
            if begun > 1:
                yield f"{told} was begun {begun} times"
            if one.status == "success" and (begun, ended) != (1, 1):
                yield f"{told} was begun {begun} times and came to its end {ended} times"
            if one.status == "success" and not one.log_whole:
                yield f"{told} has a log that is not whole"
            if one.status == "failed" and one.reason not in LOST:
                yield f"{told} failed for a reason that is none of a kill's"
            if one.status == "skipped" and begun:
                yield f"{told} was begun all the same"
        known = {one.id for one in self.attempts}
        yield from (f"job {job} was begun, and nobody knows it" for job in self.begun if job not in known)

    def _of_pipelines(self) -> Iterator[str]:
        newest = Counter((one.pipeline, one.name) for one in self.attempts if not one.retried)
        yield from (f"{place} has {count} newest attempts" for place, count in newest.items() if count != 1)
        if len(newest) != self.jobs:
            yield f"there are {len(newest)} jobs instead of {self.jobs}"
        yield from (f"commit {sha} has {count} pipelines" for sha, count in self.shas.items() if count != 1)
        for pipeline, status in self.pipelines.items():
            found = {one.status for one in self.attempts if one.pipeline == pipeline and not one.retried}
            expected = "success" if found <= {"success"} else "failed"
            if status != expected:
                yield f"pipeline {pipeline} is {status}, and its jobs are {', '.join(sorted(found))}"

    def _left_over(self) -> Iterator[str]:
        yield from (f"{one} is left on the engine" for one in self.left)
        yield from (f"{one} is left in the journal" for one in self.journal)
        yield from (f"in a log: {one}" for one in self.raised)
