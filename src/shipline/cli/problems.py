"""Problems for people: place, message, way out, and the line with a caret under it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from shipline.cli.terminal import Style, safe
from shipline.compiler.problems import Problem

LINE_LIMIT = 160
JOBS_SHOWN = 5
_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[^\s,\[\]{}:][^\s,\[\]{}]*?(?=:?(?:[\s,\[\]{}]|$))""")


def told(
    errors: Iterable[Problem], warnings: Iterable[Problem], texts: Mapping[str, bytes], paint: Style
) -> list[str]:
    """All of them, errors first, with a blank line after each. What many jobs have from one place, a template or a
    default, is told once."""
    lines: list[str] = []
    for kind, problems in (("error", errors), ("warning", warnings)):
        for alike in _alike(problems):
            lines += [*_one(kind, alike[0], [one.job for one in alike if one.job], texts, paint), ""]
    return lines


def _alike(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Those of one place that differ in nothing but the job's name."""
    groups: dict[object, list[Problem]] = {}
    for problem in problems:
        said = problem.message.replace(problem.job, "\0") if problem.job and problem.line else problem
        groups.setdefault((problem.file, problem.line, problem.column, said, problem.hint), []).append(
            problem
        )
    return list(groups.values())


def _jobs(names: Sequence[str]) -> str:
    shown = ", ".join(safe(name) for name in names[:JOBS_SHOWN])
    return shown + (f", and {len(names) - JOBS_SHOWN} more" if len(names) > JOBS_SHOWN else "")


def _one(
    kind: str, problem: Problem, jobs: Sequence[str], texts: Mapping[str, bytes], paint: Style
) -> Iterable[str]:
    # What GitLab would not say is ours, and says so.
    speaker = "shipline: " if problem.ours else ""
    look = "red" if kind == "error" else "yellow"
    place = _place(problem)
    message = "\n  ".join(safe(line) for line in problem.message.splitlines())
    yield f"{paint(place, 'bold')}{': ' if place else ''}{paint(kind, look, 'bold')}: {speaker}{message}"
    yield from _source(problem, texts, paint)
    if jobs:
        yield f"  {paint('job' if len(jobs) == 1 else 'jobs', 'dim')} {_jobs(jobs)}"
    if problem.hint:
        yield f"  {paint('help', 'cyan')} {safe(problem.hint)}"


def _place(problem: Problem) -> str:
    numbers = [str(number) for number in (problem.line, problem.column) if number]
    return safe(":".join([problem.file, *numbers])) if problem.file else ""


def _source(problem: Problem, texts: Mapping[str, bytes], paint: Style) -> Iterable[str]:
    text = texts.get(problem.file)
    if text is None or not problem.line:
        return
    lines = text.decode("utf-8-sig", errors="replace").splitlines()
    if problem.line > len(lines):
        return
    line = lines[problem.line - 1]
    column = max(problem.column, 1)
    # A very long line is shown around the place, not whole.
    start = max(0, column - LINE_LIMIT // 2) if len(line) > LINE_LIMIT else 0
    shown = line[start : start + LINE_LIMIT]
    number = str(problem.line)
    yield f"  {paint(number, 'dim')} {paint('|', 'dim')} {safe(shown.expandtabs(1))}"
    if problem.column and column - 1 - start <= len(shown):
        length = max(1, len(_word(line[column - 1 :])))
        yield f"  {' ' * len(number)} {paint('|', 'dim')} {' ' * (column - 1 - start)}{paint('^' * length, 'red')}"


def _word(rest: str) -> str:
    """What to underline: the key or the value that begins here."""
    found = _TOKEN.match(rest)
    return found[0] if found else ""
