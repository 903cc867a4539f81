"""The log of a job: its limit, its offsets, its sections."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.protocols.runner_api import TRACE_CHUNK_LIMIT
from shipline.runner.masking import Masker
from shipline.runner.trace import CYAN, GREEN, RESET, Trace


def trace(limit: int = 10_000, *, secrets: tuple[str, ...] = (), sections: bool = True) -> Trace:
    return Trace(Masker(secrets), limit, lambda: 1700000000.9, sections)


def test_what_is_written_is_there() -> None:
    log = trace()
    log.write(b"one\n")
    log.line("two")
    assert bytes(log.content) == b"one\ntwo\n"
    assert log.unsent() == (0, b"one\ntwo\n")


def test_a_line_of_ours_may_have_a_colour() -> None:
    log = trace()
    log.line("Job succeeded", GREEN)
    assert bytes(log.content) == b"\x1b[32;1mJob succeeded\x1b[0;m\n"


def test_secrets_are_masked_also_in_lines_of_ours() -> None:
    log = trace(secrets=("hunter22",))
    log.write(b"it is hun")
    assert bytes(log.content) == b"it is "
    log.write(b"ter22")
    log.line(" and hunter22")
    log.start_section("x", "hunter22")
    assert b"hunter" not in log.content
    assert log.content.count(b"[MASKED]") == 3


def test_closing_writes_what_was_held_back() -> None:
    log = trace(secrets=("hunter22",))
    log.write(b"hunter")
    assert bytes(log.content) == b""
    log.close()
    assert bytes(log.content) == b"hunter"


def test_sections_are_marked_as_gitlab_reads_them() -> None:
    log = trace()
    log.start_section("get_sources", "Getting source")
    log.end_section("get_sources")
    assert bytes(log.content).decode() == (
        f"section_start:1700000000:get_sources\r\x1b[0K{RESET}{CYAN}Getting source{RESET}\n"
        "section_end:1700000000:get_sources\r\x1b[0K\n"
    )


def test_without_sections_only_their_titles_are_written() -> None:
    log = trace(sections=False)
    log.start_section("get_sources", "Getting source")
    log.end_section("get_sources")
    assert bytes(log.content).decode() == f"{RESET}{CYAN}Getting source{RESET}\n"


def test_a_log_may_be_as_long_as_its_limit() -> None:
    log = trace(limit=6)
    log.write(b"abc")
    log.write(b"def")
    assert bytes(log.content) == b"abcdef"
    assert not log.full


def test_beyond_its_limit_a_log_says_so_once_and_takes_no_more() -> None:
    log = trace(limit=5)
    log.write(b"abc")
    log.write(b"def")
    assert log.full
    said = bytes(log.content)
    assert said.startswith(b"abcde\n")
    assert b"Job's log exceeded limit of 5 bytes." in said
    assert b"Job execution will continue but no more output will be collected." in said
    log.write(b"more")
    log.line("more")
    log.close()
    assert bytes(log.content) == said


@given(st.integers(0, 30), st.lists(st.binary(max_size=12), max_size=8))
def test_the_limit_holds_however_it_is_written(limit: int, pieces: list[bytes]) -> None:
    log = trace(limit)
    for piece in pieces:
        log.write(piece)
    log.close()
    text = b"".join(pieces).decode(errors="replace")
    assert log.full == (len(text.encode()) > limit)
    kept = bytes(log.content) if not log.full else bytes(log.content).partition(b"\n\x1b[0;33mJob's log")[0]
    assert kept == text.encode()[:limit].decode(errors="ignore").encode()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_bytes_that_are_no_text_become_the_sign_for_that_however_they_come(size: int) -> None:
    log = trace()
    text = "grüße €".encode() + b"\xff\xfe\x80 ok \xe2\x82"
    for at in range(0, len(text), size):
        log.write(text[at : at + size])
    log.close()
    assert bytes(log.content).decode() == "grüße €\ufffd\ufffd\ufffd ok \ufffd"


def test_a_line_of_ten_megabytes_is_bounded_by_the_limit_and_holds_nothing_back() -> None:
    log = trace(limit=1 << 20)
    for _ in range(640):
        log.write(b"x" * 16384)
    assert log.full
    assert len(log.content) < (1 << 20) + 300
    assert log.masker.feed(b"") == b""


def test_only_what_is_not_acknowledged_is_sent() -> None:
    log = trace()
    log.write(b"abcdef")
    log.acknowledge(4)
    assert log.unsent() == (4, b"ef")
    log.write(b"gh")
    assert log.unsent() == (4, b"efgh")
    log.acknowledge(8)
    assert log.unsent() == (8, b"")


def test_a_coordinator_that_has_less_gets_it_again() -> None:
    log = trace()
    log.write(b"abcdef")
    log.acknowledge(6)
    log.acknowledge(2)
    assert log.unsent() == (2, b"cdef")


def test_a_coordinator_cannot_have_more_than_there_is() -> None:
    log = trace()
    log.write(b"abc")
    log.acknowledge(99)
    assert log.unsent() == (3, b"")
    log.write(b"d")
    assert log.unsent() == (3, b"d")


def test_a_long_log_is_sent_in_parts() -> None:
    log = trace(limit=3 * TRACE_CHUNK_LIMIT)
    log.write(b"x" * TRACE_CHUNK_LIMIT + b"rest")
    start, part = log.unsent()
    assert (start, len(part)) == (0, TRACE_CHUNK_LIMIT)
    log.acknowledge(len(part))
    assert log.unsent() == (TRACE_CHUNK_LIMIT, b"rest")


def test_the_checksum_is_over_everything_in_eight_digits() -> None:
    log = trace()
    assert log.checksum == "crc32:00000000"
    log.write(b"all of the log\n")
    log.acknowledge(7)
    assert log.checksum == f"crc32:{zlib.crc32(b'all of the log' + bytes([10])):08x}"
    assert len(log.checksum) == len("crc32:") + 8
