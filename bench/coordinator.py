"""The figures of a coordinator alone, over SQLite and over PostgreSQL."""

from __future__ import annotations

from bench import drain, hand_out, logs, long_polls
from bench.coordinators import DATABASES, Say
from bench.table import Figure


def figures(runs: int, say: Say) -> list[Figure]:
    """Each once, whatever `runs` says: each holds hundreds of measurements, or takes minutes."""
    return [
        figure
        for database in DATABASES
        for part in (long_polls.figures, hand_out.figures, logs.figures, drain.figures)
        for figure in part(database, say)
    ]
