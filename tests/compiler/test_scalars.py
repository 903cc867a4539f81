from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler.scalars import ForbiddenClass, Symbol, read_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nil", "nil"),
        ("yes", True), ("Yes", True), ("on", True), ("TRUE", True), ("no", False), ("Off", False),
        ("y", "y"), ("n", "n"), ("Y", "Y"), ("true!", "true!"),
        ("0", 0), ("12", 12), ("-3", -3), ("+4", 4), ("0123", 83), ("-010", -8), ("08", "08"), ("0o17", "0o17"),
        ("0x1F", 31), ("0b101", 5), ("0x", "0x"), ("1_000", 1000), ("1,000", 1000), ("1__0", "1__0"), ("1_", "1_"),
        ("1:30", 5400), ("01:30:15", 5415), ("22:00", 79200), ("-1:30", -1800), ("1:60", "1:60"),
        ("1:2:3:4", "1:2:3:4"), ("1:30.5", 5430.0),
        ("1.5", 1.5), ("3.10", 3.1), ("1.", 1.0), (".5", 0.5), ("1,000.5", 1000.5), ("-.5", -0.5), (".", "."),
        ("1e3", "1e3"), ("1.5e3", "1.5e3"), ("1.5e+3", 1500.0), (".e+3", ".e+3"), ("1.2.3", "1.2.3"),
        (".inf", math.inf), ("-.INF", -math.inf),
        (":name", Symbol("name")), (':"a b"', Symbol("a b")), (":'a'b", Symbol("a")), (":", ":"),
        ("2024-13-01", "2024-13-01"), ("2024-01", "2024-01"), ("-x", "-x"), ("$CI", "$CI"), ("3.12-slim", "3.12-slim"),
    ],
)  # fmt: skip
def test_an_unquoted_scalar_means_what_it_means_to_psych(text: str, value: object) -> None:
    found = read_scalar(text)
    assert (found, type(found)) == (value, type(value))


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(float(str(read_scalar(".NaN"))))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2024-01-31", "Date"), ("2024-1-1", "Date"), ("2024-01-31 10:00:00", "Time"),
        ("2024-01-31T10:00:00Z", "Time"), ("2024-01-31 10:00:00.5 +02:00", "Time"),
    ],
)  # fmt: skip
def test_dates_and_times_are_refused(text: str, name: str) -> None:
    with pytest.raises(ForbiddenClass, match=f"^Tried to load unspecified class: {name}$"):
        read_scalar(text)


@given(st.text(alphabet="0123456789_,.:+-eExXbBaAfF~ynT \n", max_size=12))
def test_any_scalar_is_a_value_or_a_forbidden_class(text: str) -> None:
    try:
        found = read_scalar(text)
    except ForbiddenClass:
        return
    assert found is None or isinstance(found, str | int | float | bool | Symbol)


def test_a_number_of_very_many_digits_stays_a_text() -> None:
    assert read_scalar("9" * 10_000) == "9" * 10_000
    assert read_scalar("9" * 10_000 + ":30") == "9" * 10_000 + ":30"
