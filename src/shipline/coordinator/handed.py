"""The answer of the queue to a runner that asks for a job."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.protocols import runner_api as api


@dataclass(frozen=True, slots=True)
class Handed:
    """What a runner gets. `conflict`: there were jobs for it, and others were quicker with every one.
    `nobody_waits`: there was no pending job, for any runner."""

    payload: api.JobPayload | None = None
    conflict: bool = False
    nobody_waits: bool = False
