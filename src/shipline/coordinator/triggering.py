"""Pipelines that nobody stands beside: of trigger jobs, of schedules, and of pushes that a crash has cut short."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from shipline.coordinator import downstream, pushes, schedules
from shipline.coordinator.pipelines import create_pipeline


def start_what_is_due(now: datetime) -> None:
    """Called at intervals, and as soon as a trigger job has something to do."""
    _on(lambda: downstream.see_to_all(create_pipeline), "trigger jobs")
    _on(lambda: pushes.make_up_for(now), "interrupted pushes")
    _on(lambda: schedules.run_due(now), "schedules")


def _on(step: Callable[[], None], what: str) -> None:
    """One that fails does not keep the others from their turn."""
    try:
        step()
    except Exception:
        logging.getLogger(__name__).exception("%s: something failed; it goes on", what)
