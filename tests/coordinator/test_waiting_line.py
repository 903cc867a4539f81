"""One job is for one runner: who looks, in which order, and who need not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from shipline.coordinator import waiting_line
from shipline.coordinator.events import Events
from shipline.coordinator.handed import Handed
from shipline.coordinator.waiting_line import WaitingLine

EMPTY = Handed(nobody_waits=True)
NOT_FOR_IT = Handed()
TAKEN = Handed(conflict=True)


@dataclass
class Shop:
    """Runners that wait, and what each look has answered: `found` says what a runner finds."""

    found: Callable[[str], Handed]
    looks: list[str] = field(default_factory=list)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.events = Events(asyncio.get_running_loop())
        self.line = WaitingLine(self.events)
        self.versions: dict[str, str] = {}

    async def runner(self, name: str, seen: str | None = None) -> str:
        """Waits for one turn after the other, until a look has given it `name` as its job."""
        with self.line.place(seen if seen is not None else self.events.queue_version) as place:
            while await self.line.turn(place, 5) and not self.events.stopping.is_set():
                if not (await self.line.look(place, self._take(name))).conflict:
                    self.versions[name] = self.line.version_for(place)
                else:
                    return "409"
        return "stopped"

    def _take(self, name: str) -> Callable[[], Awaitable[Handed]]:
        async def take() -> Handed:
            self.looks.append(name)
            if name == "b":
                self.looked.set()
            if name in self.holds:
                await self.holds[name].wait()
            return self.found(name)

        return take

    def waiting(self, *names: str) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.runner(name)) for name in names]


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def ended(tasks: list[asyncio.Task[str]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_who_finds_the_queue_empty_saves_all_others_from_looking() -> None:
    shop = Shop(lambda name: EMPTY)
    tasks = shop.waiting("a", "b", "c")
    await settled()
    shop.events.tell("queue")
    await settled()
    assert shop.looks == ["a"]
    await ended(tasks)


async def test_all_look_one_by_one_at_a_job_that_is_for_none_of_them() -> None:
    shop = Shop(lambda name: NOT_FOR_IT)
    tasks = shop.waiting("a", "b", "c")
    await settled()
    shop.events.tell("queue")
    await settled()
    assert shop.looks == ["a", "b", "c"]
    await ended(tasks)


async def test_who_comes_with_an_old_version_looks_at_once() -> None:
    shop = Shop(lambda name: EMPTY)
    tasks = [asyncio.create_task(shop.runner("late", seen="an old one"))]
    await settled()
    assert shop.looks == ["late"]
    await ended(tasks)


async def test_a_change_during_a_look_lets_everybody_look_again() -> None:
    shop = Shop(lambda name: EMPTY)
    shop.holds["a"] = asyncio.Event()
    tasks = shop.waiting("a", "b")
    await settled()
    shop.events.tell("queue")
    await settled()
    shop.events.tell("queue")
    await settled()
    assert shop.looks == ["a"], "b waits until a has looked"
    shop.holds["a"].set()
    await settled()
    # What a has found was true of the queue as it had been before; the next look is of the queue as it is.
    assert shop.looks == ["a", "a"]
    await ended(tasks)


async def test_who_goes_away_while_it_looks_gives_the_turn_to_the_next() -> None:
    shop = Shop(lambda name: NOT_FOR_IT)
    shop.holds["a"] = asyncio.Event()
    tasks = shop.waiting("a", "b")
    await settled()
    shop.events.tell("queue")
    await settled()
    assert shop.looks == ["a"]
    await ended(tasks[:1])
    await settled()
    assert shop.looks == ["a", "b"]
    await ended(tasks)


async def test_a_look_that_fails_gives_the_turn_to_the_next() -> None:
    def found(name: str) -> Handed:
        if name == "a":
            raise OSError("the database is gone")
        return NOT_FOR_IT

    shop = Shop(found)
    tasks = shop.waiting("a", "b")
    await settled()
    shop.events.tell("queue")
    await settled()
    assert shop.looks == ["a", "b"]
    with pytest.raises(OSError, match="gone"):
        await tasks[0]
    await ended(tasks[1:])


async def test_a_slow_look_does_not_hold_up_the_others() -> None:
    shop = Shop(lambda name: NOT_FOR_IT)
    shop.holds["a"] = asyncio.Event()
    tasks = shop.waiting("a", "b")
    await settled()
    shop.events.tell("queue")
    async with asyncio.timeout(waiting_line.PATIENCE_SECONDS + 5):
        await shop.looked.wait()
    shop.holds["a"].set()
    await settled()
    assert shop.looks == ["a", "b"]
    await ended(tasks)


async def test_who_finds_others_quicker_tries_a_few_times_and_then_says_so() -> None:
    shop = Shop(lambda name: TAKEN if name == "a" else EMPTY)
    tasks = shop.waiting("a", "b")
    await settled()
    shop.events.tell("queue")
    assert await tasks[0] == "409"
    await settled()
    assert shop.looks == ["a"] * waiting_line.AGAIN + ["b"]
    await ended(tasks)


async def test_a_runner_is_told_a_version_of_which_it_has_missed_nothing() -> None:
    shop = Shop(lambda name: EMPTY)
    seen = shop.events.queue_version
    with shop.line.place(seen) as place:
        assert shop.line.version_for(place) == seen
        # There is something new, and it has not looked: it gets the old version, and looks as soon as it asks.
        held = shop.waiting("b")
        shop.holds["b"] = asyncio.Event()
        await settled()
        shop.events.tell("queue")
        await settled()
        assert await shop.line.turn(place, 5)
        assert shop.line.version_for(place) == seen
        assert (await shop.line.look(place, shop._take("a"))).nobody_waits
        assert shop.line.version_for(place) == shop.events.queue_version != seen
        await ended(held)


async def test_all_who_wait_end_when_the_coordinator_stops() -> None:
    shop = Shop(lambda name: EMPTY)
    tasks = shop.waiting(*(str(number) for number in range(200)))
    await settled()
    shop.events.stop()
    async with asyncio.timeout(5):
        assert set(await asyncio.gather(*tasks)) == {"stopped"}
    assert shop.looks == []
