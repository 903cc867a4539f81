"""What somebody sees who pushes with `-o ci.wait`: lines, out of what a pipeline was and is. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shipline.model.status import FINISHED, PIPELINE_FINISHED

_BEGUN = ("running", "canceling", "success", "failed")
_WAITS = ("pending", "waiting_for_resource")
TAIL_LINES = 10
LINE_LENGTH = 200
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?")
_SECTION = re.compile(r"section_(?:start|end):\d+:[^\r\n]*\r?")


@dataclass(frozen=True, slots=True)
class SeenJob:
    """`seconds` that it ran. `why` says why it failed or was cancelled, or what it waits for; nothing while it
    only waits for its turn. `tail` are the last lines of its log;
    `address` where what it deployed can be seen. `failed_tests` are the first names, of `tests_failed` in all."""

    name: str
    stage: str
    status: str
    seconds: float | None = None
    why: str = ""
    may_fail: bool = False
    url: str = ""
    tail: tuple[str, ...] = ()
    environment: str = ""
    address: str = ""
    failed_tests: tuple[str, ...] = ()
    tests_failed: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A pipeline at one moment; `jobs` are the newest attempts, in order."""

    id: int
    status: str
    url: str
    seconds: float | None = None
    jobs: tuple[SeenJob, ...] = ()

    @property
    def is_over(self) -> bool:
        """Nothing more happens by itself."""
        return self.status in PIPELINE_FINISHED or self.status == "manual"


def lines_between(before: Seen | None, now: Seen) -> list[str]:
    """What has happened since `before`: stages that have begun, a line for every job that has ended or waits for
    something, and the end."""
    known = {job.name: job for job in before.jobs} if before else {}
    begun = _begun(before.jobs) if before else []
    lines = []
    for stage in _stages(now.jobs):
        if stage in _begun(now.jobs) and stage not in begun:
            lines.append(f"{stage}:")
        lines += [
            f"  {_ended(job)}"
            for job in now.jobs
            if job.stage == stage
            and (job.status in FINISHED or _waits(job))
            and _is_news(job, known.get(job.name))
        ]
    if now.is_over and not (before and before.is_over):
        lines += _end(now)
    return lines


def _stages(jobs: Sequence[SeenJob]) -> list[str]:
    return list(dict.fromkeys(job.stage for job in jobs))


def _begun(jobs: Sequence[SeenJob]) -> list[str]:
    return [
        stage
        for stage in _stages(jobs)
        if any(job.stage == stage and (job.status in _BEGUN or _waits(job)) for job in jobs)
    ]


def _is_news(job: SeenJob, before: SeenJob | None) -> bool:
    return before is None or before.status != job.status or (_waits(job) and before.why != job.why)


def _waits(job: SeenJob) -> bool:
    """For what may never come: who waits for the pipeline wants to know."""
    return job.status in _WAITS and bool(job.why)


def _ended(job: SeenJob) -> str:
    words = f"{job.name}: {job.status}"
    if job.seconds is not None:
        words += f" after {took(job.seconds)}"
    if job.status != "success" and job.why:
        words += f": {job.why}"
    return words + (" (it may fail)" if job.status == "failed" and job.may_fail else "")


def _end(now: Seen) -> list[str]:
    after = f" after {took(now.seconds)}" if now.seconds is not None else ""
    if now.status == "manual":
        waiting = ", ".join(job.name for job in now.jobs if job.status == "manual")
        return [f"Pipeline #{now.id} waits for somebody to start {waiting}: {now.url}"]
    lines = [f"Pipeline #{now.id}: {now.status}{after}"]
    if now.status == "failed":
        for job in now.jobs:
            if job.status == "failed" and not job.may_fail:
                lines += ["", f"{job.name} failed{': ' + job.why if job.why else ''}  {job.url}"]
                lines += [f"  {line}" for line in _tests(job)]
                lines += [f"  | {line}" for line in job.tail]
    for job in now.jobs:
        if job.status == "success" and job.environment:
            lines.append(f"{job.environment}: {job.address or job.url}")
    return lines


def _tests(job: SeenJob) -> list[str]:
    """What somebody wants to know first of a job that failed."""
    if not job.tests_failed:
        return []
    named = [f"x {_plain(name)}" for name in job.failed_tests]
    more = job.tests_failed - len(named)
    rest = [f"and {more} more"] if named and more else []
    return [
        f"{job.tests_failed} test{'s' if job.tests_failed > 1 else ''} failed{':' if named else ''}",
        *named,
        *rest,
    ]


def took(seconds: float) -> str:
    # What is over at once may have ended before it began: its two times are taken one after the other.
    seconds = max(0.0, seconds)
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown) or f"{seconds:.1f} s"


def tail_of(log: bytes) -> tuple[str, ...]:
    """The last lines of a log, without colours, sections and whatever else moves a terminal's cursor."""
    text = _ESCAPES.sub("", _SECTION.sub("", log.decode(errors="replace")))
    lines = (_plain(line) for line in text.split("\n"))
    return tuple([line for line in lines if line.strip()][-TAIL_LINES:])


def _plain(line: str) -> str:
    """What a terminal would show of a line that overwrites itself."""
    last = line.rstrip("\r").rpartition("\r")[2]
    return "".join(char for char in last if char.isprintable() or char == "\t")[:LINE_LENGTH]
