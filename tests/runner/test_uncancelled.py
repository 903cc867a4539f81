"""Work that is done to its end, whoever gives up waiting."""

from __future__ import annotations

import asyncio

import pytest

from shipline.runner.uncancelled import to_its_end


async def test_it_is_done_however_often_who_waits_is_cancelled() -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await go_on.wait()
        done.append("done")

    waiting = asyncio.create_task(to_its_end(work(), 60))
    await begun.wait()
    for _ in range(5):
        waiting.cancel()
        await asyncio.wait([waiting], timeout=0)
        assert not waiting.done()
    go_on.set()
    await asyncio.wait([waiting])
    assert done == ["done"]
    assert waiting.cancelled()


async def test_what_goes_wrong_in_it_is_raised() -> None:
    async def work() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await to_its_end(work(), 60)


async def test_what_takes_too_long_is_given_up() -> None:
    given_up = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    await to_its_end(work(), 0.01)
    await given_up.wait()


async def test_a_limit_of_time_around_it_counts_when_it_is_done() -> None:
    done = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append("done")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await to_its_end(work(), 60)
    assert done == ["done"]
