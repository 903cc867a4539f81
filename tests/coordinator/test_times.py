"""The words for spans and distances in time."""

from __future__ import annotations

import pytest

from shipline.coordinator.web.times import distance, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0.0 s"),
        (0.04, "0.0 s"),
        (4.96, "5.0 s"),
        (59.94, "59.9 s"),
        (59.97, "59 s"),
        (60, "1 min 00 s"),
        (3599.9, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90000, "25 h 00 min"),
    ],
)
def test_a_span_says_how_long(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_span_that_goes_on_counts_whole_seconds() -> None:
    assert span(4.96, tenths=False) == "4 s"
    assert span(-1, tenths=False) == "0 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (4.9, "just now"),
        (-4.9, "in a moment"),
        (5, "5 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (86400 * 40, "40 d ago"),
        (-7200, "in 2 h"),
    ],
)
def test_a_distance_says_how_far_away_a_moment_is(seconds: float, words: str) -> None:
    assert distance(seconds) == words
