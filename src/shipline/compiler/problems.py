"""What is wrong with a configuration: GitLab's words, the place in the file, and a way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shipline.compiler.limits import DEFAULT_LIMITS
from shipline.compiler.nodes import Node
from shipline.compiler.spelling import closest


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` and `column` count from 1; 0 where there is no place in a file. `ours` is what GitLab's own check
    would not say."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    job: str | None = None
    hint: str = ""
    ours: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else (f"{self.file}: " if self.file else "")
        return f"{place}{self.message}{f' ({self.hint})' if self.hint else ''}"


@dataclass
class Problems:
    """Collects problems up to `limit`, so that a person sees every one at once. The first is always kept:
    a configuration is right when there are none."""

    limit: int = DEFAULT_LIMITS.problems
    found: list[Problem] = field(default_factory=list)

    def in_order(self) -> tuple[Problem, ...]:
        """File by file, each from top to bottom."""
        files = list(dict.fromkeys(problem.file for problem in self.found))
        return tuple(sorted(self.found, key=lambda problem: (files.index(problem.file), problem.line)))

    def add(
        self, node: Node, message: str, *, job: str | None = None, hint: str = "", ours: bool = False
    ) -> None:
        problem = Problem(message, node.file, node.line, node.column, job, hint, ours)
        if not self.full and problem not in self.found:
            self.found.append(problem)

    def put(self, problem: Problem) -> None:
        """One that may be told twice."""
        if not self.full:
            self.found.append(problem)

    @property
    def full(self) -> bool:
        return len(self.found) >= max(self.limit, 1)

    def unknown_keys(
        self, node: Node, text: str, unknown: Sequence[str], known: Iterable[str], job: str | None
    ) -> None:
        """GitLab names them in one message; the place is that of the first."""
        listed = list(known)
        guesses = [guess for key in unknown[:20] if (guess := closest(key, listed))]
        self.add(
            node.key(unknown[0]), f"{text}: {', '.join(unknown)}".lower(), job=job, hint="; ".join(guesses)
        )
