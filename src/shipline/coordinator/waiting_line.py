"""The runners that wait at this process when something comes into the queue. One job is for one of them: so they
look one after the other, who has waited longest first, and as soon as one finds the queue empty the others need
not look at all. Hundreds who all woke up for one job would keep it from everyone for as long as that takes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from shipline.coordinator.events import Events
from shipline.coordinator.handed import Handed

# Whose look takes longer lets the next one by.
PATIENCE_SECONDS = 0.1
# A job that another has locked is either gone or back within milliseconds.
AGAIN, AGAIN_SECONDS = 5, 0.01


class Place:
    """One runner's in the line. `seen` is the queue's version at which it has looked last."""

    def __init__(self, seen: str) -> None:
        self.seen = seen
        self.turn = asyncio.Event()


class WaitingLine:
    """On the loop's thread."""

    def __init__(self, events: Events) -> None:
        self._events = events
        # Who has waited longest comes first.
        self._places: dict[Place, None] = {}
        self._due: deque[Place] = deque()
        self._looking: Place | None = None
        # The version at which a look has found no pending job at all.
        self._empty_at = ""
        events.call("queue", self.told)

    def told(self) -> None:
        """The queue has changed, or we are stopping: everybody who waits may look, one by one."""
        self._due = deque(self._places)
        self._go_on()

    @contextmanager
    def place(self, seen: str) -> Iterator[Place]:
        """For a runner that has looked at this version of the queue."""
        place = Place(seen)
        self._places[place] = None
        if seen != self._events.queue_version:
            self._due.append(place)
            self._go_on()
        try:
            yield place
        finally:
            del self._places[place]
            self._pass_on(place)

    async def turn(self, place: Place, seconds: float) -> bool:
        """True when it is this one's turn to `look`, or to see that we are stopping; False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await place.turn.wait()
        except TimeoutError:
            return False
        return True

    async def look(self, place: Place, take: Callable[[], Awaitable[Handed]]) -> Handed:
        """What there is for it; `take` asks the database."""
        place.turn.clear()
        for attempt in range(1, AGAIN + 1):
            place.seen = self._events.queue_version
            handed = await self._patiently(place, take)
            if not handed.conflict or attempt == AGAIN:
                break
            await asyncio.sleep(AGAIN_SECONDS)
        if handed.nobody_waits and place.seen == self._events.queue_version:
            self._empty_at = place.seen
            self._due.clear()
        self._pass_on(place)
        return handed

    def version_for(self, place: Place) -> str:
        """The version of which its runner has missed nothing."""
        version = self._events.queue_version
        return version if version == self._empty_at else place.seen

    async def _patiently(self, place: Place, take: Callable[[], Awaitable[Handed]]) -> Handed:
        looking = asyncio.ensure_future(take())
        try:
            await asyncio.wait((looking,), timeout=PATIENCE_SECONDS)
        except asyncio.CancelledError:
            # Who has gone gets no job: a look that waits for its thread does not even begin.
            looking.cancel()
            raise
        if not looking.done():
            self._pass_on(place)
        return await looking

    def _pass_on(self, place: Place) -> None:
        if self._looking is place:
            self._looking = None
            self._go_on()

    def _go_on(self) -> None:
        while self._looking is None and self._due:
            place = self._due.popleft()
            if place in self._places:
                self._looking = place
                place.turn.set()
