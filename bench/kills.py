"""Coordinator and runners killed at random while jobs run: what becomes of the jobs, and what is left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.scenarios.kills import Plan, kills

from bench.table import Figure


def figures(runs: int, say: Callable[[str], None], seed: int) -> list[Figure]:
    """200 jobs and 50 kills, once, whatever `runs` says: it takes minutes."""
    plan = Plan(seed, kills=50, pipelines=4, stages=5, width=10, runners=2, concurrent=2, limit=1800.0)
    say(f"{plan.jobs} jobs and {plan.kills} kills, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="shipline-bench-") as folder:
        found = kills(plan, Path(folder), os.environ["DOCKER_HOST"], say)
    faults = found.faults()
    for fault in faults:
        say(fault)
    begun = sum(found.begun.values())
    more_than_once = sum(count - 1 for count in found.begun.values() if count > 1)
    left = len(found.left) + len(found.journal)
    return [
        Figure("kills: the whole run", (found.seconds,), note=f"seed {seed}"),
        _count("kills: jobs", found.jobs, "jobs", found.final()),
        _count("kills: kills", sum(found.kills.values()), "kills", found.kills),
        _count("kills: attempts", len(found.attempts), "attempts", found.lost()),
        _count("kills: scripts begun", begun, "scripts", {"come to their end": sum(found.ended.values())}),
        _count("kills: scripts begun more than once", more_than_once, "scripts", aim=1),
        _count("kills: left on the engine or in a journal", left, "things", aim=1),
        _count("kills: faults", len(faults), "faults", aim=1),
    ]


def _count(
    name: str, count: int, unit: str, parts: Mapping[str, int] | None = None, aim: float | None = None
) -> Figure:
    note = ", ".join(f"{number} {word}" for word, number in sorted((parts or {}).items()))
    return Figure(name, (float(count),), aim, note, unit)
