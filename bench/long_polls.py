"""What a coordinator uses when it has nothing to do: alone, and with many runners that wait."""

from __future__ import annotations

import asyncio
import time

from bench.coordinators import Runner, Running, Say, connected, coordinator, restart, runners
from bench.table import Figure

RUNNERS, SECONDS = 500, 60.0
CORE_AIM, UP_AIM, MEMORY_AIM = 10.0, 1.0, 120.0
PAGES = ("/", "/users/sign_in", "/bench/none/-/pipelines")


def figures(database: str, say: Say, waiting: int = RUNNERS, seconds: float = SECONDS) -> list[Figure]:
    with coordinator(database, say) as running:
        first = running.up_seconds, running.up_processor_seconds
        restart(running)
        up, work = running.up_seconds, running.up_processor_seconds
        _look_at_pages(running)
        memory = running.resident_megabytes()
        tokens = runners(running, waiting)
        say(f"{database}: {waiting} runners wait for {seconds:.0f} s")
        share = asyncio.run(_waiting(running, tokens, seconds))
        full = running.resident_megabytes()
    return [
        Figure(f"coordinator up, {database}", (up,), UP_AIM, note=f"CPU {work:.2f} s"),
        Figure(f"coordinator up, its tables made, {database}", first[:1], note=f"CPU {first[1]:.2f} s"),
        Figure(f"memory with its pages in use, {database}", (memory,), MEMORY_AIM, unit="MB"),
        Figure(
            f"{waiting} runners wait, of one core, {database}", (share,), CORE_AIM, unit="%",
            note=f"memory {full:.0f} MB",
        ),
    ]  # fmt: skip


def _look_at_pages(running: Running) -> None:
    with running.client() as client:
        for _ in range(20):
            for page in PAGES:
                client.get(f"{running.url}{page}")
            client.get("projects")


async def _waiting(running: Running, tokens: list[str], seconds: float) -> float:
    """The share of one core, once all wait. Longer than a long poll, so that each asks again in the meantime."""

    async def wait(runner: Runner) -> None:
        while True:
            await runner.request()

    async with connected([(running.port, token) for token in tokens]) as found:
        # The first request is answered at once.
        await asyncio.gather(*(runner.request() for runner in found))
        waiting = [asyncio.create_task(wait(runner)) for runner in found]
        await asyncio.sleep(2)
        used, begun = running.processor_seconds(), time.monotonic()
        await asyncio.sleep(seconds)
        used, passed = running.processor_seconds() - used, time.monotonic() - begun
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return used / passed * 100
