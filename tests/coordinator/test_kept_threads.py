from __future__ import annotations

import asyncio
import threading

from asgiref.sync import sync_to_async

from shipline.coordinator.http.kept_threads import KEPT, KeptThreads


async def thread_of(threads: KeptThreads, until: asyncio.Event | None = None) -> list[int]:
    """Two steps of one request, which is under way `until` then."""
    async with threads.one():
        first = await sync_to_async(threading.get_ident)()
        if until is not None:
            await until.wait()
        return [first, await sync_to_async(threading.get_ident)()]


async def test_a_request_stays_in_one_thread_and_the_next_gets_the_same() -> None:
    threads = KeptThreads()
    seen = [one for _ in range(5) for one in await thread_of(threads)]
    assert len(set(seen)) == 1
    assert seen[0] != threading.get_ident()
    threads.close()


async def test_requests_at_once_have_a_thread_each_and_a_few_of_these_stay() -> None:
    threads, until = KeptThreads(), asyncio.Event()
    many = 3 * KEPT
    tasks = [asyncio.create_task(thread_of(threads, until)) for _ in range(many)]
    until.set()
    found = await asyncio.gather(*tasks)
    assert all(first == second for first, second in found)
    kept = {one for pair in [await thread_of(threads) for _ in range(many)] for one in pair}
    assert len(kept) <= KEPT
    threads.close()


async def test_a_request_that_breaks_off_gives_its_thread_back() -> None:
    threads = KeptThreads()
    (before, _) = await thread_of(threads)
    waiting = asyncio.create_task(thread_of(threads, asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await thread_of(threads))[0] == before
    threads.close()
