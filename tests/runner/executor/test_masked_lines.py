"""What a service says, line by line and masked, though it comes in pieces."""

from __future__ import annotations

import pytest

from shipline.runner.executor.services import LOG_LIMIT, MaskedLines
from shipline.runner.masking import Masker
from shipline.runner.trace import Trace

SECRET = "hunter22"


def lines(pieces: list[bytes]) -> list[bytes]:
    reader = MaskedLines(Masker([SECRET]))
    return [line for piece in pieces for line in reader.feed(piece)]


@pytest.mark.parametrize("cut", range(25))
def test_a_line_that_is_cut_anywhere_is_one_and_masked(cut: int) -> None:
    text = b"one hunter22 two\nthree\nfo"
    assert lines([text[:cut], text[cut:]]) == [b"one [MASKED] two", b"three"]


@pytest.mark.parametrize("size", [1000, LOG_LIMIT, 10 * LOG_LIMIT])
def test_of_a_line_without_an_end_the_beginning_is_told_once(size: int) -> None:
    text = b"x" * (3 * LOG_LIMIT) + b"\nnext\n"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert lines(pieces) == [b"x" * LOG_LIMIT, b"next"]


def test_a_secret_at_the_limit_of_a_line_is_not_shown_in_part() -> None:
    (line,) = lines([b"x" * (LOG_LIMIT - 4) + SECRET.encode() + b"\n"])
    assert line == b"x" * (LOG_LIMIT - 4) + b"[MAS"


def test_a_line_of_a_service_between_two_pieces_of_a_script_s_secret_parts_it_not() -> None:
    trace = Trace(Masker([SECRET]), 1 << 20, lambda: 0.0)
    trace.write(b"a hunt")
    trace.aside(b"[service:db] ready\n")
    trace.write(b"er22.\n")
    assert bytes(trace.content) == b"a [service:db] ready\n[MASKED].\n"
