"""Lengths of time as Go writes them."""

from __future__ import annotations

import pytest

from shipline.runner.durations import in_words, seconds_of
from shipline.runner.stages.steps import script_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        (".5m", 30.0),
        ("250ms", 0.25),
        ("-5m", -300.0),
        ("+1s", 1.0),
        ("0", 0.0),
        (" 2h ", 7200.0),
        ("5", None),
        ("5 minutes", None),
        ("m", None),
        ("", None),
        ("1h-5m", None),
    ],
)
def test_a_length_of_time_is_read_or_it_is_none(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == (None if seconds is None else pytest.approx(seconds))


def test_it_is_shown_as_go_does() -> None:
    assert [in_words(seconds) for seconds in (0, 61, 3600, 90061.9)] == [
        "0h0m0s",
        "0h1m1s",
        "1h0m0s",
        "25h1m1s",
    ]


@pytest.mark.parametrize(
    ("text", "default", "limit"),
    [
        ("", None, None),
        ("", 300.0, 300.0),
        ("1m", 300.0, 60.0),
        ("-1s", 300.0, None),
        ("0", 300.0, None),
        ("nonsense", 300.0, 300.0),
    ],
)
def test_a_scripts_limit_is_its_variables_or_none_but_the_jobs(
    text: str, default: float | None, limit: float | None
) -> None:
    assert script_seconds(text, default) == limit
