"""How often somebody may call. The decision is pure; what was used lies in the memory of this process."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock

# So many callers are remembered; when there are more, those that have used nothing lately are forgotten.
CALLERS_LIMIT = 20_000
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many calls were left at that second of a clock that never goes back."""

    left: float
    at: float


def take(bucket: Bucket | None, per_minute: int, now: float, cost: float = 1.0) -> tuple[Bucket, float]:
    """A full bucket holds a minute's calls and fills up evenly. Answers the bucket after this call, and the
    seconds to wait: 0 when the call may be. A refused call uses nothing up."""
    rate = per_minute / MINUTE
    before = bucket or Bucket(float(per_minute), now)
    left = min(float(per_minute), before.left + max(0.0, now - before.at) * rate)
    # What is a rounding error short of a whole call is one.
    if left + 1e-9 < cost:
        return Bucket(left, now), (cost - left) / rate
    return Bucket(max(0.0, left - cost), now), 0.0


@dataclass
class RateLimits:
    """May be called from any thread."""

    _buckets: dict[Hashable, Bucket] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, caller: Hashable, per_minute: int, now: float) -> float:
        """Seconds that `caller` has to wait; 0 when it may go on. No limit when `per_minute` is 0."""
        return self._use(caller, per_minute, now, 1.0, keep=True)

    def look(self, caller: Hashable, per_minute: int, now: float) -> float:
        """As `take`, but nothing is used up."""
        return self._use(caller, per_minute, now, 1.0, keep=False)

    def _use(self, caller: Hashable, per_minute: int, now: float, cost: float, *, keep: bool) -> float:
        if per_minute <= 0:
            return 0.0
        with self._lock:
            bucket, wait = take(self._buckets.get(caller), per_minute, now, cost)
            if keep:
                if len(self._buckets) >= CALLERS_LIMIT:
                    self._forget(now)
                self._buckets[caller] = bucket
            return wait

    def _forget(self, now: float) -> None:
        """Whoever has not called for a minute has a full bucket again."""
        self._buckets = {caller: found for caller, found in self._buckets.items() if now - found.at < MINUTE}
        if len(self._buckets) >= CALLERS_LIMIT:
            # So many callers within a minute: the limits begin anew rather than memory grow.
            self._buckets.clear()
