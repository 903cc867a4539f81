"""The runners that wait at this process when something comes into the queue: one job wakes them all, and only one
gets it. They look a few at a time, and what one has seen saves the others from looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shipline.coordinator.events import Events
from shipline.coordinator.queue import Handed

AT_ONCE = 4
# A job that another has locked is either gone or back within milliseconds.
AGAIN, AGAIN_SECONDS = 5, 0.01


@dataclass
class WaitingLine:
    """On the loop's thread."""

    # The queue's version at which a look has found no pending job at all.
    _empty_at: str = ""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def look(self, events: Events, take: Callable[[], Awaitable[Handed]]) -> Handed:
        """What there is for a runner that was woken; `take` asks the database."""
        for _ in range(AGAIN):
            async with self._turns:
                version = events.queue_version
                if version == self._empty_at:
                    return Handed(nobody_waits=True)
                handed = await take()
                if handed.nobody_waits:
                    self._empty_at = version
            if not handed.conflict:
                return handed
            await asyncio.sleep(AGAIN_SECONDS)
        return handed
