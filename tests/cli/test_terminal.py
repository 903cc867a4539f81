"""Text for people: columns, widths, and nothing that a file could smuggle in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.cli.terminal import Style, columns, safe, width

PLAIN = Style()


def test_columns_line_up_whatever_is_in_them() -> None:
    lines = list(columns([("a", "b"), ("größer", "c"), ("日本", "d"), ("e\u0301", "f")], ("x", "y"), PLAIN))
    assert lines == ["x       y", "a       b", "größer  c", "日本    d", "e\u0301       f"]


def test_the_last_column_is_cut_to_the_terminal() -> None:
    row = ("name", "a sentence that is longer than the line")
    narrow = list(columns([row], ("job", "why"), Style(room=30)))
    assert narrow[1] == "name  a sentence that is long…"
    assert width(narrow[1]) == 30
    assert list(columns([row], ("job", "why"), Style(room=200)))[1].endswith("than the line")
    too_narrow = list(columns([row], ("job", "why"), Style(room=10)))
    assert too_narrow[1].endswith("than the line")


def test_colours_do_not_move_columns() -> None:
    painted = list(columns([("a", "b"), ("long", "c")], ("x", "y"), Style(colour=True), ("cyan", "")))
    assert painted[1] == "\x1b[36ma\x1b[0m     b"


@given(st.text())
def test_what_is_safe_has_no_control_characters(text: str) -> None:
    assert not any(character in safe(text) for character in map(chr, [*range(32), 127, *range(128, 160)]))


@pytest.mark.parametrize("text", ["plain", "größer", "日本", "a b", "→"])
def test_what_can_be_shown_is_shown(text: str) -> None:
    assert safe(text) == text
