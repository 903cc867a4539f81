"""What a report of tests says: cases with their outcome, and what could not be read. Pure.

The four outcomes and their order are GitLab's: what went wrong stands first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`ERROR` is a test that could not be carried out, `FAILED` one whose assertion did not hold."""

    ERROR = "error"
    FAILED = "failed"
    SUCCESS = "success"
    SKIPPED = "skipped"


WENT_WRONG = (Outcome.ERROR, Outcome.FAILED)
_ORDER = {outcome: place for place, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True)
class TestCase:
    """`seconds` that it took. `message` is the attribute of `<failure>`, `<error>` or `<skipped>` and `text` what
    stands in it; `attachment` is a path in the job's archive (GitLab's `[[ATTACHMENT|path]]` in the output)."""

    # pytest takes classes of this name for its own.
    __test__ = False

    name: str
    outcome: Outcome = Outcome.SUCCESS
    classname: str = ""
    file: str = ""
    seconds: float = 0.0
    message: str = ""
    text: str = ""
    system_out: str = ""
    system_err: str = ""
    attachment: str = ""

    @property
    def went_wrong(self) -> bool:
        return self.outcome in WENT_WRONG


@dataclass(frozen=True, slots=True)
class Totals:
    """How many cases ended how, and how long all of them took, in seconds."""

    success: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def count(self) -> int:
        return self.success + self.failed + self.error + self.skipped

    @property
    def went_wrong(self) -> int:
        return self.failed + self.error

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.success + other.success,
            self.failed + other.failed,
            self.error + other.error,
            self.skipped + other.skipped,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What the files of one report say together. `problems`, a sentence each, are of files that could not be read
    to their end; what could be read of them counts. `size` is in bytes, unpacked."""

    cases: tuple[TestCase, ...] = ()
    problems: tuple[str, ...] = ()
    size: int = 0


def totals_of(cases: Iterable[TestCase]) -> Totals:
    cases = tuple(cases)
    counted = Counter(case.outcome for case in cases)
    return Totals(
        success=counted[Outcome.SUCCESS],
        failed=counted[Outcome.FAILED],
        error=counted[Outcome.ERROR],
        skipped=counted[Outcome.SKIPPED],
        seconds=sum(case.seconds for case in cases),
    )


def worst_first(cases: Iterable[TestCase]) -> tuple[TestCase, ...]:
    """Errors, failures, successes, skipped ones; of each the slowest first."""
    return tuple(sorted(cases, key=lambda case: (_ORDER[case.outcome], -case.seconds)))


def system_output(case: TestCase) -> str:
    """What GitLab's API calls so: the failure, and behind it what the test has printed. Nothing of a success."""
    if case.outcome is Outcome.SUCCESS:
        return ""
    parts = [case.text.strip("\n") or case.message]
    if case.went_wrong:
        parts += [f"System Out:\n\n{case.system_out}"] if case.system_out else []
        parts += [f"System Err:\n\n{case.system_err}"] if case.system_err else []
    return "\n\n".join(part for part in parts if part)
