"""How often somebody may call: a bucket and a time in, a bucket and a wait out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.coordinator.rate_limits import CALLERS_LIMIT, Bucket, RateLimits, take


def test_a_minute_s_calls_may_come_at_once_and_then_one_as_often_as_it_fills_up() -> None:
    bucket, waits = None, []
    for _ in range(61):
        bucket, wait = take(bucket, 60, 100.0)
        waits.append(wait)
    assert waits[:60] == [0.0] * 60
    assert waits[60] == pytest.approx(1.0)
    bucket, wait = take(bucket, 60, 101.0)
    assert wait == 0.0
    _, wait = take(bucket, 60, 101.0)
    assert wait == pytest.approx(1.0)


def test_who_waits_as_long_as_told_may_go_on() -> None:
    bucket = Bucket(0.0, 0.0)
    _, wait = take(bucket, 7, 3.0)
    assert wait > 0
    assert take(bucket, 7, 3.0 + wait)[1] == 0.0


def test_a_refused_call_uses_nothing_up() -> None:
    bucket, first = take(Bucket(0.5, 0.0), 60, 0.0)
    _, second = take(bucket, 60, 0.0)
    assert first == second > 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    bucket, wait = take(Bucket(2.0, 100.0), 60, 50.0)
    assert (wait, bucket.left) == (0.0, 1.0)


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 300))
def test_nobody_gets_more_than_a_minute_s_calls_and_what_fills_up(gaps: list[float], per_minute: int) -> None:
    bucket, now, allowed = None, 0.0, 0
    for gap in gaps:
        now += gap
        bucket, wait = take(bucket, per_minute, now)
        allowed += wait == 0.0
        assert bucket.left <= per_minute
    assert allowed <= per_minute + now * per_minute / 60 + 1e-6


def test_callers_do_not_share_a_bucket_and_looking_uses_nothing() -> None:
    limits = RateLimits()
    assert [limits.take("a", 2, 0.0) for _ in range(2)] == [0.0, 0.0]
    assert limits.take("a", 2, 0.0) > 0
    assert limits.take("b", 2, 0.0) == 0.0
    assert [limits.look("c", 1, 0.0) for _ in range(3)] == [0.0] * 3
    assert limits.look("a", 2, 0.0) > 0
    assert limits.take("a", 0, 0.0) == 0.0


def test_memory_does_not_grow_with_the_number_of_callers() -> None:
    limits = RateLimits()
    for number in range(CALLERS_LIMIT + 10):
        limits.take(number, 60, number * 0.01)
    assert len(limits._buckets) <= CALLERS_LIMIT
    flood = RateLimits()
    for number in range(CALLERS_LIMIT + 10):
        flood.take(number, 60, 0.0)
    assert len(flood._buckets) <= CALLERS_LIMIT
