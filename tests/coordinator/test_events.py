"""Wake-ups between the threads that change something and the streams that show it."""

from __future__ import annotations

import asyncio

from shipline.coordinator.events import Events

LONG, SHORT = 30.0, 0.02


async def told(events: Events, *topics: str) -> None:
    """Tell from a thread; when this is over, the loop has heard of it."""
    await asyncio.to_thread(events.tell, *topics)


async def test_a_watch_hears_of_what_was_told_before_it_waits() -> None:
    events = Events(asyncio.get_running_loop())
    with events.watch("job:1", "pipeline:1") as watch:
        await told(events, "job:1")
        assert await watch.changed(LONG)
        assert not await watch.changed(SHORT)
        await told(events, "pipeline:1")
        await told(events, "job:1")
        assert await watch.changed(LONG)
        assert not await watch.changed(SHORT)


async def test_a_watch_hears_only_of_its_topics() -> None:
    events = Events(asyncio.get_running_loop())
    with events.watch("job:1") as watch:
        await told(events, "job:2", "pipeline:1", "queue")
        assert not await watch.changed(SHORT)


async def test_everybody_who_watches_a_topic_hears_of_it() -> None:
    events = Events(asyncio.get_running_loop())
    with events.watch("job:1") as one, events.watch("job:1") as other:
        await told(events, "job:1")
        assert await one.changed(LONG)
        assert await other.changed(LONG)


async def test_who_waits_is_woken_by_a_thread() -> None:
    events = Events(asyncio.get_running_loop())
    waiting = asyncio.create_task(events.wait(("queue",), LONG))
    await asyncio.sleep(0)
    await told(events, "queue")
    assert await waiting


async def test_a_wait_ends_without_a_word_after_its_time() -> None:
    assert not await Events(asyncio.get_running_loop()).wait(("queue",), SHORT)


async def test_the_queue_has_a_new_version_whenever_it_changes() -> None:
    events = Events(asyncio.get_running_loop())
    before = events.queue_version
    await told(events, "job:1")
    assert events.queue_version == before
    await told(events, "queue")
    assert events.queue_version != before
    assert Events(asyncio.get_running_loop()).queue_version != before


async def test_when_it_stops_everybody_is_woken_now_and_from_now_on() -> None:
    events = Events(asyncio.get_running_loop())
    waiting = asyncio.create_task(events.wait(("queue",), LONG))
    await asyncio.sleep(0)
    events.stop()
    assert await waiting
    with events.watch("job:1") as watch:
        assert await watch.changed(LONG)
        assert await watch.changed(LONG)


async def test_a_topic_is_watched_by_who_waits_for_it_and_by_who_has_asked_lately() -> None:
    events = Events(asyncio.get_running_loop())
    assert not events.is_watched("job:1")
    with events.watch("job:1"):
        assert events.is_watched("job:1")
    assert not events.is_watched("job:1")
    await asyncio.to_thread(events.look_at, "job:1")
    assert events.is_watched("job:1")
    assert not events.is_watched("job:2")
