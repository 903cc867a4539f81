from __future__ import annotations

from collections.abc import Callable

from shipline.coordinator.rough_counts import KEYS_LIMIT, RoughCounts


def counting(*numbers: int) -> Callable[[], int]:
    left = iter(numbers)
    return lambda: next(left)


def test_a_small_number_is_counted_each_time() -> None:
    counts, count = RoughCounts(), counting(3, 2, 0)
    assert [counts.of("queue", 0.0, count) for _ in range(3)] == [3, 2, 0]


def test_a_large_number_is_counted_once_a_second() -> None:
    counts, count = RoughCounts(), counting(900, 800)
    assert [counts.of("queue", at, count) for at in (0.0, 0.5, 0.99, 1.0, 1.5)] == [900, 900, 900, 800, 800]


def test_each_key_has_its_own() -> None:
    counts = RoughCounts()
    assert counts.of("queue", 0.0, counting(900)) == 900
    assert counts.of("running", 0.0, counting(70)) == 70


def test_what_is_kept_is_bounded() -> None:
    counts = RoughCounts()
    for number in range(3 * KEYS_LIMIT):
        counts.of(number, 0.0, counting(100))
    assert len(counts._kept) <= KEYS_LIMIT
