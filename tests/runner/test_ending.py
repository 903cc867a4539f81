"""Which signal ends what, as a transcript."""

from __future__ import annotations

import signal
from signal import Signals

import pytest

from shipline.runner.ending import Phase, after, over

QUIT, TERM, INT = signal.SIGQUIT, signal.SIGTERM, signal.SIGINT


@pytest.mark.parametrize(
    ("signals", "phase"),
    [
        ((), Phase.WORKING),
        ((QUIT,), Phase.FINISHING),
        ((QUIT, QUIT), Phase.FINISHING),
        ((QUIT, TERM), Phase.STOPPING),
        ((QUIT, INT), Phase.STOPPING),
        ((TERM,), Phase.STOPPING),
        ((INT,), Phase.STOPPING),
        ((TERM, INT), Phase.AT_ONCE),
        ((INT, QUIT), Phase.AT_ONCE),
        ((QUIT, TERM, TERM), Phase.AT_ONCE),
        ((TERM, TERM, QUIT), Phase.AT_ONCE),
    ],
)
def test_signals_lead_through_the_phases(signals: tuple[Signals, ...], phase: Phase) -> None:
    found = Phase.WORKING
    for number in signals:
        found = after(found, number)
    assert found is phase


@pytest.mark.parametrize(
    ("phase", "jobs", "seconds", "found"),
    [
        (Phase.WORKING, 0, 0.0, None),
        (Phase.WORKING, 3, 1e9, None),
        (Phase.FINISHING, 1, 1e9, None),
        (Phase.FINISHING, 0, 0.0, Phase.FINISHING),
        (Phase.STOPPING, 1, 29.9, None),
        (Phase.STOPPING, 1, 30.0, Phase.AT_ONCE),
        (Phase.STOPPING, 0, 30.0, Phase.STOPPING),
        (Phase.AT_ONCE, 2, 0.0, Phase.AT_ONCE),
    ],
)
def test_a_manager_leaves_when_it_holds_no_jobs_or_has_waited_for_them_long_enough(
    phase: Phase, jobs: int, seconds: float, found: Phase | None
) -> None:
    assert over(phase, jobs, seconds, timeout=30.0) is found
