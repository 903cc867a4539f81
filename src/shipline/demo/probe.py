"""Calls a URL all the time and keeps count: the witness of a deployment without downtime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

INTERVAL_SECONDS = 0.02
FAILURES_KEPT = 20


@dataclass
class Probe:
    """`failures` holds the first few, each with the second it happened in."""

    url: str
    total: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0

    def count(self, seconds: float, failure: str | None, at: float) -> None:
        self.total += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        if failure is not None:
            self.failed += 1
            if len(self.failures) < FAILURES_KEPT:
                self.failures.append(f"at {at:.1f} s: {failure}")


@asynccontextmanager
async def probing(url: str) -> AsyncIterator[Probe]:
    """Probe `url` with two callers while the body runs: one keeps its connection, one makes a new one for
    every request. Any answer but 200 is a failure."""
    probe = Probe(url)
    done = asyncio.Event()
    callers = [asyncio.create_task(_call(probe, done, keep)) for keep in (True, False)]
    try:
        yield probe
    finally:
        done.set()
        await asyncio.gather(*callers)


async def _call(probe: Probe, done: asyncio.Event, keep_alive: bool) -> None:
    begun = time.monotonic()
    headers = {} if keep_alive else {"Connection": "close"}
    async with httpx.AsyncClient(timeout=10, headers=headers, trust_env=False) as client:
        while not done.is_set():
            sent = time.monotonic()
            failure = None
            try:
                answer = await client.get(probe.url)
                if answer.status_code != 200:
                    failure = f"status {answer.status_code}"
            except httpx.HTTPError as error:
                failure = f"{type(error).__name__} {error}"
            now = time.monotonic()
            probe.count(now - sent, failure, now - begun)
            try:
                await asyncio.wait_for(done.wait(), INTERVAL_SECONDS)
            except TimeoutError:
                continue
