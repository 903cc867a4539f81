"""What the use cases need besides the database: where things lie, addresses, wake-ups.

It hangs on Django's app registry, which is where a request can reach it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.apps import apps

from shipline.config import Config, DataFolder
from shipline.coordinator import database
from shipline.coordinator.rate_limits import RateLimits
from shipline.coordinator.repositories import Repositories
from shipline.coordinator.rough_counts import RoughCounts
from shipline.coordinator.waiting_line import WaitingLine

if TYPE_CHECKING:
    from shipline.coordinator.events import Events

# When a thread of the pool has last used its connection.
_thread = threading.local()
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Services:
    data: DataFolder
    config: Config
    events: Events
    repositories: Repositories
    pool: ThreadPoolExecutor
    # The pushes under way: the token of their hooks -> project and user.
    pushes: dict[str, tuple[int, int]] = field(default_factory=dict)
    rate_limits: RateLimits = field(default_factory=RateLimits)
    counts: RoughCounts = field(default_factory=RoughCounts)

    @cached_property
    def owner(self) -> str:
        """The data folder's id: every job is told it, and its file is read once."""
        return self.data.owner()

    @cached_property
    def line(self) -> WaitingLine:
        return WaitingLine(self.events)


def install(services: Services) -> None:
    apps.get_app_config("coordinator").services = services  # type: ignore[attr-defined]


def services() -> Services:
    found: Services = apps.get_app_config("coordinator").services  # type: ignore[attr-defined]
    return found


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a use case in a thread of the pool, each of which keeps its connection.

    It is done again when PostgreSQL has ended it because of a deadlock: nothing of it has happened.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(services().pool, lambda: _attempt(function, *args, **kwargs))


def _attempt(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    _thread.used = database.usable_connection(getattr(_thread, "used", 0.0))
    return database.again_after_deadlock(function)(*args, **kwargs)
