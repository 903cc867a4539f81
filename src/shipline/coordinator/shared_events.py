"""Wake-ups between the coordinators over one PostgreSQL, by its LISTEN and NOTIFY.

Whoever changes something notifies in the same transaction: PostgreSQL delivers when that commits, to every process
(ourselves among them) in one order. So the last notification of the queue is the queue's version everywhere: a
runner may ask one process and then another. A process that has lost its connection has missed what was told
meanwhile; it takes everything for changed.

https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from shipline.coordinator.database import LOCK_SPACE, SWEEPING, often
from shipline.coordinator.events import Events

CHANNEL = "shipline"
# PostgreSQL takes less than 8,000 bytes.
PAYLOAD_LIMIT = 7000
LOOK_SECONDS = 1.0
RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)
_NOTIFY = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"


def payloads(topics: Iterable[str]) -> Iterator[str]:
    """Topics as notifications carry them: a number that no other has, then the topics, with spaces between."""
    words: list[str] = []
    size = 0
    for topic in topics:
        if size + len(topic) > PAYLOAD_LIMIT and words:
            yield " ".join((secrets.token_hex(8), *words))
            words, size = [], 0
        words.append(topic)
        size += len(topic) + 1
    if words:
        yield " ".join((secrets.token_hex(8), *words))


class SharedEvents(Events):
    """`listen` is a task for as long as the process serves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, parameters: dict[str, Any]) -> None:
        super().__init__(loop)
        self._parameters = parameters
        self._version = secrets.token_hex(8)
        self._elected = False

    @property
    def queue_version(self) -> str:
        return self._version

    @property
    def may_sweep(self) -> bool:
        """Whose listening connection has the lock; when that ends, another's gets it within a second."""
        return self._elected

    def tell_on_commit(self, *topics: str) -> None:
        # PostgreSQL itself keeps a notification until the transaction commits.
        self.tell(*topics)

    def tell(self, *topics: str) -> None:
        with often() as cursor:
            cursor.execute(_NOTIFY, [CHANNEL, list(payloads(topics))])

    async def listen(self) -> None:
        failures = 0
        while not self.stopping.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(
                    **self._parameters, autocommit=True
                ) as listening:
                    await listening.execute(f"LISTEN {CHANNEL}")
                    if failures:
                        logging.getLogger(__name__).warning("PostgreSQL is there again")
                    failures = 0
                    self._take_everything_for_changed()
                    # From here on all have one version again.
                    await listening.execute(_NOTIFY, [CHANNEL, list(payloads(["queue"]))])
                    await self._hear(listening)
            except psycopg.OperationalError as error:
                if not failures:
                    said = (str(error).strip().splitlines() or ["no reason was given"])[0]
                    logging.getLogger(__name__).warning("lost PostgreSQL, and try again: %s", said)
                delay = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                await self.wait((), delay)
            finally:
                self._elected = False

    async def _hear(self, listening: psycopg.AsyncConnection[Any]) -> None:
        while not self.stopping.is_set():
            if not self._elected:
                asked = await listening.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, SWEEPING])
                row = await asked.fetchone()
                self._elected = bool(row and row[0])
            async for notification in listening.notifies(timeout=LOOK_SECONDS):
                version, *topics = notification.payload.split(" ")
                if "queue" in topics:
                    self._version = version
                self._tell(topics)

    def _take_everything_for_changed(self) -> None:
        self._version = secrets.token_hex(8)
        self.wake_all()
