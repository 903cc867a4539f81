"""How a manager ends: which signal leads where. Pure.

WORKING   -- SIGQUIT -->           FINISHING  no new jobs; those that run go on to their end
WORKING, FINISHING -- SIGTERM, SIGINT --> STOPPING   jobs are ended now, and told as interrupted
STOPPING  -- any signal, or shutdown_timeout --> AT_ONCE   without another word
"""

from __future__ import annotations

import signal
from enum import IntEnum


class Phase(IntEnum):
    WORKING = 0
    FINISHING = 1
    STOPPING = 2
    AT_ONCE = 3


GRACEFUL = frozenset((signal.SIGQUIT,))
ENDING = frozenset((signal.SIGTERM, signal.SIGINT))


def after(phase: Phase, number: signal.Signals) -> Phase:
    """A second SIGQUIT changes nothing: its sender wants the jobs to finish."""
    if phase >= Phase.STOPPING:
        return Phase.AT_ONCE
    if number in ENDING:
        return Phase.STOPPING
    return max(phase, Phase.FINISHING) if number in GRACEFUL else phase


def over(phase: Phase, jobs: int, seconds: float, timeout: float) -> Phase | None:
    """What a manager that holds `jobs` does now: go on (None), leave (its phase), or stop at once. `seconds` since
    STOPPING began."""
    if phase is Phase.AT_ONCE:
        return Phase.AT_ONCE
    if phase is Phase.WORKING:
        return None
    if not jobs:
        return phase
    return Phase.AT_ONCE if phase is Phase.STOPPING and seconds >= timeout else None
