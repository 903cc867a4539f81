"""What an event stream compares, to know whether a page looks different now; and whether its reader may still look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user
from django.http import HttpRequest

from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.services import in_database
from shipline.coordinator.web.job_tests import state_of_tests
from shipline.model.status import PIPELINE_FINISHED

# How long somebody goes on seeing what has been taken from them, in seconds.
CHECK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class State:
    """`jobs` by number, `tests` by report: what is in here is what a page shows."""

    pipeline: tuple[str, str]
    jobs: dict[int, tuple[Any, ...]]
    started: tuple[tuple[int, str], ...]
    tests: tuple[int, ...]

    @property
    def is_over(self) -> bool:
        return self.pipeline[0] in PIPELINE_FINISHED


def state_of(pipeline_id: int) -> State | None:
    """None when it has been deleted."""
    pipeline = Pipeline.objects.filter(pk=pipeline_id).values_list("status", "reason").first()
    if pipeline is None:
        return None
    found = Job.objects.filter(pipeline=pipeline_id).order_by("id")
    rows = found.values_list("id", "status", "reason", "retried", "runner", "started_at", "finished_at")
    started = Pipeline.objects.filter(upstream_job__pipeline=pipeline_id).order_by("id")
    return State(
        (str(pipeline[0]), str(pipeline[1])),
        {row[0]: row[1:] for row in rows},
        tuple(started.values_list("id", "status")),
        tuple(state_of_tests(pipeline_id)),
    )


@dataclass
class Reader:
    """Who looks at a stream. `find` gives nothing when there is nothing (any more) that they may see."""

    request: HttpRequest
    find: Callable[[], object | None]
    _checked: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    _may: bool = True

    async def still_may(self) -> bool:
        """False when what they look at is gone, or is not theirs to see any more, or they have signed out: looked
        up anew now and then, for a stream may last for days."""
        now = asyncio.get_running_loop().time()
        if self._may and now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self._may = await in_database(self._look)
        return self._may

    def _look(self) -> bool:
        session = self.request.session
        if SESSION_KEY in session:
            if not session.exists(session.session_key or ""):
                return False
            # Their roles may have changed, and they may be blocked.
            self.request.user = get_user(self.request)
        return self.find() is not None
