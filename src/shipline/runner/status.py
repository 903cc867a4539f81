"""What a manager tells about itself: the document of `shipline runner status`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shipline.protocols.runner_api import JobPayload
from shipline.runner.asking import Entry
from shipline.runner.config.sections import RunnerSection


@dataclass(frozen=True, slots=True)
class JobNow:
    """`since` in seconds since the epoch; `stage` is the section of the log that has begun last."""

    payload: JobPayload
    section: RunnerSection
    since: float
    stage: str

    def document(self) -> dict[str, Any]:
        info = self.payload.job_info
        return {
            "id": self.payload.id,
            "name": info.name,
            "stage": info.stage,
            "project": info.project_full_path or info.project_name,
            "pipeline_id": info.pipeline_id,
            "url": next((one.value for one in self.payload.variables if one.key == "CI_JOB_URL"), ""),
            "runner": self.section.name,
            "since": _time(self.since),
            "doing": self.stage,
        }


@dataclass(frozen=True, slots=True)
class EntryNow:
    """`problem`: why it gets no jobs, in words; empty when all is well. `heard_at`: the coordinator's last answer,
    in seconds since the epoch."""

    section: RunnerSection
    entry: Entry
    problem: str
    heard_at: float | None

    def document(self) -> dict[str, Any]:
        return {
            "name": self.section.name,
            "url": self.section.url,
            "executor": self.section.executor,
            "token": self.section.short_token,
            "limit": self.section.limit,
            "jobs": self.entry.running,
            "state": self._state(),
            "problem": self.problem,
            "heard_at": None if self.heard_at is None else _time(self.heard_at),
        }

    def _state(self) -> str:
        if self.entry.leaving:
            return "leaving"
        if self.entry.rests:
            return "resting"
        return "failing" if self.problem else "online"


def document(
    *,
    pid: int,
    version: str,
    system_id: str,
    phase: str,
    since: float,
    concurrent: int,
    entries: Iterable[EntryNow],
    jobs: Iterable[JobNow],
) -> dict[str, Any]:
    return {
        "pid": pid,
        "version": version,
        "system_id": system_id,
        "state": phase,
        "since": _time(since),
        "concurrent": concurrent,
        "runners": [one.document() for one in entries],
        "jobs": [one.document() for one in jobs],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
