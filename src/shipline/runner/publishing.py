"""What a manager tells of itself: for `shipline runner status`, and for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from shipline.runner.ending import Phase
from shipline.runner.held_job import HeldJob
from shipline.runner.home import Home
from shipline.runner.metrics import EntryFigures, Metrics
from shipline.runner.online import Online
from shipline.runner.status import EntryNow, JobNow, document
from shipline.version import __version__


@dataclass(frozen=True, slots=True)
class Publisher:
    """`since` in seconds since the epoch."""

    home: Home
    metrics: Metrics
    system_id: str
    since: float

    def publish(
        self,
        phase: Phase,
        concurrent: int,
        entries: Collection[Online],
        held: Collection[tuple[int, HeldJob]],
    ) -> None:
        """`held`: each job with its entry's number."""
        jobs = [(number, JobNow(one.payload, one.section, one.since, one.stage)) for number, one in held]
        found = document(
            pid=os.getpid(),
            version=__version__,
            system_id=self.system_id,
            phase=phase.name.lower(),
            since=self.since,
            concurrent=concurrent,
            entries=[EntryNow(one.section, one.entry, one.problem, one.heard_at) for one in entries],
            jobs=[one for _, one in jobs],
        )
        self.home.write_status(found)
        self.metrics.show(
            concurrent,
            [
                EntryFigures(
                    one.section, one.entry.asking, tuple(job.stage for n, job in jobs if n == one.number)
                )
                for one in entries
            ],
        )
