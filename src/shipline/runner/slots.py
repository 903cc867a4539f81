"""Numbers of jobs that run at once: the lowest that is free, so that folders and volumes are used again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True, slots=True)
class Slot:
    """A job's number among those of its runner, and among those of its runner and project."""

    runner: int = 0
    project: int = 0


@dataclass
class Slots:
    _taken: set[tuple[str, int, int]] = field(default_factory=set)

    @contextmanager
    def held(self, runner: str, project: int) -> Iterator[Slot]:
        """`runner` is what tells runners apart (their token), `project` a project's id."""
        taken = [self._take(runner, -1), self._take(runner, project)]
        try:
            yield Slot(taken[0][2], taken[1][2])
        finally:
            self._taken.difference_update(taken)

    def _take(self, runner: str, project: int) -> tuple[str, int, int]:
        found = next(
            (runner, project, number) for number in count() if (runner, project, number) not in self._taken
        )
        self._taken.add(found)
        return found
