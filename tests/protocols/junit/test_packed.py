"""Streams of gzip members: what is in them, and what a hostile one may not do."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.protocols.junit.packed import BadPacking, unpack

LARGE = 1 << 20


def packed(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=stream) as member:
        member.write(content)
    return stream.getvalue()


def in_chunks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def files(stream: bytes, limit: int = LARGE, size: int = 7) -> list[tuple[str, bytes]]:
    pieces = unpack(in_chunks(stream, size), limit)
    grouped = ((key, list(group)) for key, group in groupby(pieces, lambda one: (one.number, one.name)))
    return [(name, b"".join(one.content for one in group)) for (_, name), group in grouped]


def test_each_file_of_a_stream_has_its_name_and_content() -> None:
    stream = packed("one.xml", b"1" * 300) + packed("two.xml", b"") + packed("three.xml", b"3")
    assert files(stream) == [("one.xml", b"1" * 300), ("two.xml", b""), ("three.xml", b"3")]


def test_a_file_may_have_no_name_and_a_header_may_hold_more() -> None:
    plain = gzip.compress(b"a")
    assert plain[3] == 0
    extra = plain[:3] + b"\x0c" + plain[4:10] + b"\x03\x00abc" + b"named\0" + plain[10:]
    assert files(plain + extra) == [("", b"a"), ("named", b"a")]


def test_zeros_behind_the_last_file_do_not_count() -> None:
    assert files(packed("a", b"a") + bytes(100)) == [("a", b"a")]


@pytest.mark.parametrize("size", [1, 9, 10, 11, 12, 13, 1000])
def test_it_does_not_matter_in_which_chunks_a_stream_comes(size: int) -> None:
    stream = packed("a-name.xml", b"abc" * 50) + packed("b", b"b")
    assert files(stream, size=size) == [("a-name.xml", b"abc" * 50), ("b", b"b")]


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"", "it is empty"),
        (bytes(50), "it is empty"),
        (b"<testsuites/>", "the stream is damaged"),
        (packed("a", b"abc")[:-4], "the stream ends in the middle of a file"),
        (packed("a", b"abc") + b"more", "the stream is damaged"),
    ],
    ids=["nothing", "zeros", "no gzip", "cut off", "rubbish behind"],
)
def test_what_is_damaged_is_told(stream: bytes, why: str) -> None:
    with pytest.raises(BadPacking, match=why):
        files(stream)


def test_no_more_is_unpacked_than_the_limit() -> None:
    bomb = packed("bomb", bytes(50 * LARGE))
    assert len(bomb) < LARGE
    sizes: list[int] = []
    with pytest.raises(BadPacking, match="larger than 1 MiB"):
        sizes.extend(len(piece.content) for piece in unpack([bomb], LARGE))
    assert sum(sizes) <= LARGE
    assert files(packed("just", bytes(LARGE)), size=LARGE) == [("just", bytes(LARGE))]


def test_the_limit_is_for_all_files_together() -> None:
    with pytest.raises(BadPacking, match="larger"):
        files(packed("a", bytes(LARGE // 2)) + packed("b", bytes(LARGE // 2 + 1)), size=LARGE)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_whatever_comes_is_unpacked_or_refused(noise: bytes, size: int) -> None:
    for stream in (noise, packed("a", b"abc") + noise, b"\x1f\x8b\x08" + noise):
        try:
            files(stream, size=size)
        except BadPacking as error:
            assert str(error)  # noqa: PT017
