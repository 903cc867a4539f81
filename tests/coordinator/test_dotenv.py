"""Dotenv reports, by GitLab's rules."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from shipline.coordinator.dotenv import BYTES_LIMIT, VARIABLES_LIMIT, BadDotenv, parse, read


def values(text: bytes) -> dict[str, str]:
    return {variable.key: variable.value for variable in parse(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", {}),
        (b"A=1", {"A": "1"}),
        (b"A=1\n", {"A": "1"}),
        (b"A=1\nB=2\n", {"A": "1", "B": "2"}),
        (b"A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        (b" A = 1 \n", {"A": "1"}),
        (b"A=\n", {"A": ""}),
        (b"A=b=c\n", {"A": "b=c"}),
        (b'A="quoted"\n', {"A": '"quoted"'}),
        (b"A=1\nA=2\n", {"A": "2"}),
        (b"1=x\n", {"1": "x"}),
        ("A=größer\n".encode(), {"A": "größer"}),
        (b"\xef\xbb\xbfA=1\n", {"A": "1"}),
        ("A=1\nB=2\n".encode("utf-16"), {"A": "1", "B": "2"}),
        (b"A=\xff\n", {"A": "\ufffd"}),
    ],
)
def test_lines_are_read(text: bytes, expected: dict[str, str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"A",
        b"A=1\n\nB=2\n",
        b"\n",
        b"# comment\n",
        b"export A=1\n",
        b"A-B=1\n",
        b"=1\n",
        b"A B=1\n",
        b"\xff=1\n",
    ],
)
def test_a_line_that_is_not_key_and_value_is_an_error(text: bytes) -> None:
    with pytest.raises(BadDotenv, match="Invalid Format: line"):
        parse(text)


def test_values_are_expanded_as_those_of_gitlab_are() -> None:
    assert parse(b"A=$B\n")[0].raw is False


def test_there_may_be_so_many_variables_and_no_more() -> None:
    lines = [b"A%d=1\n" % number for number in range(VARIABLES_LIMIT)]
    assert len(parse(b"".join(lines))) == VARIABLES_LIMIT
    with pytest.raises(BadDotenv, match="cannot have more than 150"):
        parse(b"".join([*lines, b"B=1\n"]))
    assert len(parse(b"A=1\n" * 1000)) == 1


def test_a_packed_report_is_read_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "dotenv.gzip"
    path.write_bytes(gzip.compress(b"A=1\n") + gzip.compress(b"B=2\n"))
    assert values(read(path)) == {"A": "1", "B": "2"}
    path.write_bytes(gzip.compress(b"x" * (BYTES_LIMIT + 1)))
    with pytest.raises(BadDotenv, match="Too Big"):
        read(path)
    for wrong in (b"A=1", gzip.compress(b"A=1")[:-9], gzip.compress(b"A=1")[:10] + b"\xff" * 30):
        path.write_bytes(wrong)
        with pytest.raises(BadDotenv, match="no gzip stream"):
            read(path)
