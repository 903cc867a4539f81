"""The runners that wait at this process when something comes into the queue: one job wakes them all, and only one
gets it. They look one after the other, and what one has seen saves the others from looking: together they would
find one another's rows locked, and have to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shipline.coordinator.events import Events
from shipline.coordinator.queue import Handed

# Whose look takes longer lets the next one by.
PATIENCE_SECONDS = 0.1
# A job that another has locked is either gone or back within milliseconds.
AGAIN, AGAIN_SECONDS = 5, 0.01


@dataclass
class WaitingLine:
    """On the loop's thread."""

    # The queue's version at which a look has found no pending job at all.
    _empty_at: str = ""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def look(self, events: Events, take: Callable[[], Awaitable[Handed]]) -> Handed:
        """What there is for a runner that was woken; `take` asks the database."""
        for _ in range(AGAIN):
            async with self._turns:
                version = events.queue_version
                if version == self._empty_at:
                    return Handed(nobody_waits=True)
                looking = asyncio.ensure_future(take())
                try:
                    await asyncio.wait((looking,), timeout=PATIENCE_SECONDS)
                except asyncio.CancelledError:
                    # Who has gone gets no job: a look that waits for its thread does not even begin.
                    looking.cancel()
                    raise
                if looking.done() and looking.result().nobody_waits:
                    self._empty_at = version
            handed = await looking
            if not handed.conflict:
                return handed
            await asyncio.sleep(AGAIN_SECONDS)
        return handed
