"""Which [[runners]] entry asks for a job now, and what an answer means for its next question. Pure; times are
seconds of one clock that only goes forward.

A question holds a place among `concurrent` and within the entry's `limit`, so that a job which it is given can
start at once. When there are fewer places than entries that want one, questions must not stay open (the server
holds one open when it is told `last_update`): else one entry would keep the others waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum


@dataclass(frozen=True, slots=True)
class Entry:
    """`number` is its own for as long as it is there. `last_update` is what the server told last; empty: the
    answer comes at once. `waiting`: a question is open that the server may keep. `asked_at`: of its newest
    question. `unfit_until`: before that it could hold no job, whatever answers say. `leaving`: it is not in the
    config any more."""

    number: int
    limit: int = 0
    request_concurrency: int = 1
    unhealthy_requests_limit: int = 3
    unhealthy_interval: float = 3600.0
    asking: int = 0
    waiting: bool = False
    running: int = 0
    last_update: str = ""
    asked_at: float = float("-inf")
    not_before: float = float("-inf")
    unfit_until: float = float("-inf")
    unhealthy: int = 0
    failures: int = 0
    leaving: bool = False

    @property
    def rests(self) -> bool:
        """The coordinator has refused it too often in a row."""
        return self.unhealthy >= self.unhealthy_requests_limit

    @property
    def due_at(self) -> float:
        return max(self.not_before, self.unfit_until)

    def has_room(self) -> bool:
        """For one more question. Beside one that waits for the queue to change, others would learn nothing."""
        held = self.asking + self.running
        return (
            not (self.leaving or self.waiting)
            and self.asking < self.request_concurrency
            and (not self.limit or held < self.limit)
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """`last_update` not empty: the server may keep the question until there is something."""

    number: int
    last_update: str


class Outcome(Enum):
    JOB = "job"
    NOTHING = "nothing"
    REFUSED = "refused"
    LATER = "later"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answered:
    """`question` is the one that was asked, at `asked_at`. `wait`: seconds that the server asks for (LATER), or
    that are waited after a failure. `status` is HTTP's, of one that was REFUSED."""

    outcome: Outcome
    question: Ask
    asked_at: float
    last_update: str = ""
    wait: float = 0.0
    status: int = 0


def asks(entries: Iterable[Entry], concurrent: int, now: float) -> tuple[Ask, ...]:
    """The questions to begin now: first the entry that has waited longest."""
    entries = list(entries)
    places = concurrent - sum(one.asking + one.running for one in entries)
    wanting = [one for one in entries if one.has_room()]
    found: list[Ask] = []
    patient = places >= len(wanting)
    for one in sorted(wanting, key=lambda one: (one.asked_at, one.number)):
        if places <= 0:
            break
        if one.due_at > now:
            continue
        found.append(Ask(one.number, one.last_update if patient and not one.asking else ""))
        places -= 1
    return tuple(found)


def wake_at(entries: Sequence[Entry], now: float) -> float | None:
    """When to look again though nothing happens; None: never."""
    times = [one.due_at for one in entries if one.has_room() and one.due_at > now]
    return min(times, default=None)


def asked(entry: Entry, question: Ask, now: float) -> Entry:
    """After a rest it is asked as if nothing had been."""
    unhealthy = 0 if entry.rests else entry.unhealthy
    waiting = bool(question.last_update)
    return replace(entry, asking=entry.asking + 1, waiting=waiting, asked_at=now, unhealthy=unhealthy)


def heard(entry: Entry, answer: Answered, now: float, interval: float) -> Entry:
    """After the answer to one question; `interval` is check_interval. A job is counted as running from here on."""
    waiting = entry.waiting and not answer.question.last_update
    before = entry.last_update
    entry = replace(entry, asking=entry.asking - 1, waiting=waiting)
    match answer.outcome:
        case Outcome.JOB:
            # Where one job was there may be more: at once, and without waiting for the queue to change.
            return replace(
                entry, running=entry.running + 1, last_update="", not_before=now, unhealthy=0, failures=0
            )
        case Outcome.NOTHING:
            entry = replace(entry, last_update=answer.last_update, unhealthy=0, failures=0)
            return replace(entry, not_before=_next_question(answer, before, now, interval))
        case Outcome.REFUSED:
            entry = replace(entry, unhealthy=entry.unhealthy + 1, failures=0, last_update="")
            return replace(entry, not_before=now + (entry.unhealthy_interval if entry.rests else interval))
        case Outcome.LATER:
            return replace(entry, not_before=now + max(interval, answer.wait), unhealthy=0)
        case Outcome.FAILED:
            return replace(entry, failures=entry.failures + 1, not_before=now + min(interval, answer.wait))


def _next_question(answer: Answered, before: str, now: float, interval: float) -> float:
    """At once if the queue has changed, so that the next question may wait for its next change, or if the server
    kept this one as long as we would have waited; a server that does neither is asked at intervals."""
    changed = answer.last_update not in ("", before)
    kept = bool(answer.question.last_update) and now - answer.asked_at >= interval
    return now if changed or kept else answer.asked_at + interval


def put_off(entry: Entry, until: float) -> Entry:
    """It can hold no job before then."""
    return replace(entry, unfit_until=max(entry.unfit_until, until))


def ended(entry: Entry) -> Entry:
    """One of its jobs is over."""
    return replace(entry, running=entry.running - 1)
