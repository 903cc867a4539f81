"""Pipelines that nobody stands beside: of trigger jobs, of schedules, and of pushes that a crash has cut short."""

from __future__ import annotations

from datetime import datetime

from shipline.coordinator import downstream, pushes, schedules
from shipline.coordinator.pipelines import create_pipeline


def start_what_is_due(now: datetime) -> None:
    """Called at intervals, and as soon as a trigger job has something to do."""
    downstream.see_to_all(create_pipeline)
    pushes.make_up_for(now)
    schedules.run_due(now)
