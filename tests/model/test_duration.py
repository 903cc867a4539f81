from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.model.duration import LONGEST, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("3600", 3600), ("30s", 30), ("30 seconds", 30), ("1 minute", 60), ("10 mins", 600),
        ("1h", 3600),
        ("1h 30m", 5400), ("1h30m", 5400), ("2 hrs", 7200), ("1 day", 86400), ("2 days", 172800),
        ("1 week", 604800),
        ("2 wks", 1209600), ("1 month", 2592000), ("1 mo", 2592000), ("1 year", 31557600),
        ("1 hour and 5 minutes", 3900),
        ("3 mins 4 sec", 184), ("1.5 hours", 5400), (" 5 min ", 300), ("6 Months", 15552000),
        ("2 weeks, 1 day", 1296000),
    ],
)  # fmt: skip
def test_a_duration_in_words_is_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "soon", "never", "1 parsec", "x1h", "1h x", "-5", "$TIME"])
def test_other_words_are_no_duration(text: str) -> None:
    assert not parse_duration(text)


@given(st.text(max_size=20))
def test_every_text_has_an_answer(text: str) -> None:
    found = parse_duration(text)
    assert found is None or found >= 0


def test_a_duration_has_an_end_however_many_digits_it_has() -> None:
    assert parse_duration("9" * 400 + " years") == parse_duration("9" * 40 + " years") == LONGEST
