"""Wake-ups: a job became pending, something of a pipeline changed, we are going down.

Use cases run in threads and tell; long polls and event streams wait on the loop. Here they are of one process;
`shared_events.py` has those of several over one PostgreSQL.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import transaction

# Who has asked within this time counts as one who watches.
LOOKING_SECONDS = 60.0
LOOKED_AT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Watch:
    """Look, then wait for `changed`, then look again: what happens while looking is not missed."""

    stopping: asyncio.Event
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def changed(self, seconds: float) -> bool:
        """True when something was told since the watch began, or since this said so last, or when we are
        stopping; False after `seconds`."""
        if self.stopping.is_set():
            return True
        try:
            # Not `wait_for`, which makes a task each time: one job wakes hundreds who wait here.
            async with asyncio.timeout(seconds):
                await self.woken.wait()
        except TimeoutError:
            return False
        self.woken.clear()
        return True


class Events:
    """Made on the loop's thread; `tell` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._called: dict[str, list[Callable[[], None]]] = defaultdict(list)
        # A restarted coordinator must not find the numbers of the one before it current.
        self._epoch = secrets.token_hex(4)
        self._queue = 0
        self._looked_at: dict[str, float] = {}
        self.stopping = asyncio.Event()

    @property
    def queue_version(self) -> str:
        """Changes whenever a job may have become available: the runners' `last_update`."""
        return f"{self._epoch}-{self._queue}"

    @property
    def may_sweep(self) -> bool:
        """Of several processes one does what is done at intervals."""
        return True

    def tell_on_commit(self, *topics: str) -> None:
        """In a transaction: nobody is woken before what has changed can be seen."""
        transaction.on_commit(lambda: self.tell(*topics))

    def tell(self, *topics: str) -> None:
        """Topics are `queue`, `pipeline:ID` and `job:ID`."""
        self._loop.call_soon_threadsafe(self._tell, topics)

    def _tell(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic == "queue":
                self._queue += 1
            self._wake(topic)

    def _wake(self, topic: str) -> None:
        for event in self._waiting.get(topic, ()):
            event.set()
        for function in self._called.get(topic, ()):
            function()

    def wake_all(self) -> None:
        """Anything may have changed. On the loop's thread."""
        for topic in {*self._waiting, *self._called}:
            self._wake(topic)

    def call(self, topic: str, function: Callable[[], None]) -> None:
        """From now on `function` is called whenever `topic` is told, and when we are stopping. On the loop's
        thread, as it is itself."""
        self._called[topic].append(function)

    def look_at(self, topic: str) -> None:
        """Somebody asks how it stands, and will again: a program that follows a job by REST."""
        self._loop.call_soon_threadsafe(self._look_at, topic)

    def _look_at(self, topic: str) -> None:
        now = self._loop.time()
        if len(self._looked_at) >= LOOKED_AT_LIMIT:
            self._looked_at = {key: at for key, at in self._looked_at.items() if now - at < LOOKING_SECONDS}
        self._looked_at[topic] = now

    def is_watched(self, topic: str) -> bool:
        """Somebody waits for it, or has asked lately, in this process. On the loop's thread."""
        looked_at = self._looked_at.get(topic)
        return topic in self._waiting or (
            looked_at is not None and self._loop.time() - looked_at < LOOKING_SECONDS
        )

    def stop(self) -> None:
        """Everybody who waits is woken, now and from now on."""
        self.stopping.set()
        self.wake_all()

    @contextmanager
    def watch(self, *topics: str) -> Iterator[Watch]:
        """Hears of `topics` from now until the end of the body."""
        watch = Watch(self.stopping)
        for topic in topics:
            self._waiting[topic].add(watch.woken)
        try:
            yield watch
        finally:
            for topic in topics:
                self._waiting[topic].discard(watch.woken)
                if not self._waiting[topic]:
                    del self._waiting[topic]

    async def wait(self, topics: tuple[str, ...], seconds: float) -> bool:
        """True when one of `topics` was told, or we are stopping; False after `seconds`."""
        with self.watch(*topics) as watch:
            return await watch.changed(seconds)
