"""Numbers that runners only show, and that cost more the larger they are: a large one is counted once a second."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

KEPT_SECONDS = 1.0
LARGE = 50
KEYS_LIMIT = 1000


@dataclass
class RoughCounts:
    """Of one process; any thread may ask."""

    _kept: dict[Hashable, tuple[float, int]] = field(default_factory=dict)

    def of(self, key: Hashable, now: float, count: Callable[[], int]) -> int:
        """What `count` says, or has said within the last second when that was a large number. `now` is in seconds
        of a clock that only goes on."""
        at, number = self._kept.get(key, (float("-inf"), 0))
        if now - at < KEPT_SECONDS:
            return number
        number = count()
        if number >= LARGE:
            if len(self._kept) >= KEYS_LIMIT:
                self._kept.clear()
            self._kept[key] = now, number
        return number
