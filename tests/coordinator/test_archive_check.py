"""Archives that may be unpacked, and those that may not."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.coordinator import archive_check
from shipline.coordinator.archive_check import BadArchive, check_archive


def archive(write: Callable[[zipfile.ZipFile], object], **options: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **options) as made:  # type: ignore[call-overload]
        write(made)
    return content.getvalue()


def named(*names: str) -> bytes:
    def write(made: zipfile.ZipFile) -> None:
        for name in names:
            made.writestr(name, "x")

    return archive(write)


def link(name: str, target: str, kind: int = stat.S_IFLNK) -> bytes:
    def write(made: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16
        made.writestr(info, target)

    return archive(write)


def check(content: bytes) -> int:
    return check_archive(io.BytesIO(content), len(content))


def test_an_ordinary_archive_is_taken() -> None:
    assert check(named("dist/app.js", "dist/", "a b/größe.txt", "..hidden", "a/..b/c", "x...")) == 6
    assert check(named()) == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../outside", "leads out"),
        ("a/../../outside", "leads out"),
        ("a/..", "leads out"),
        ("..", "leads out"),
        ("a\\..\\..\\outside", "leads out"),
        ("/etc/passwd", "absolute"),
        ("\\windows", "absolute"),
        ("C:\\windows", "absolute"),
        ("c:/windows", "absolute"),
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(name: str, why: str) -> None:
    with pytest.raises(BadArchive, match=why):
        check(named("fine", name))


@pytest.mark.parametrize("target", ["b", "../b", "/usr/local/bin/python3", "../../../b"])
def test_a_link_is_taken_wherever_it_leads(target: str) -> None:
    assert check(link("a/link", target)) == 1


@pytest.mark.parametrize("name", ["a/link/b", "a/link/b/c"])
def test_nothing_may_lie_behind_a_link_of_the_same_archive(name: str) -> None:
    def write(made: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("a/link")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(name, "x")
        made.writestr(info, "/etc")

    with pytest.raises(BadArchive, match="lies behind the link 'a/link'"):
        check(archive(write))


def test_what_is_no_link_may_hold_any_text() -> None:
    assert check(link("a/file", "/etc/passwd", stat.S_IFREG)) == 1


def test_a_link_of_a_megabyte_is_refused() -> None:
    with pytest.raises(BadArchive, match="longer than a path"):
        check(link("link", "a/" * 500_000))


def test_a_bomb_is_refused_by_what_it_says_it_holds() -> None:
    content = bytearray(
        archive(lambda made: made.writestr("zeros", b"\0" * 1000), compression=zipfile.ZIP_DEFLATED)
    )
    at = content.rfind(b"PK\x01\x02")
    struct.pack_into("<I", content, at + 24, 0xFFFFFFF0)
    with pytest.raises(BadArchive, match="would unpack to 4294967280 bytes"):
        check(bytes(content))


def test_a_file_that_packs_well_is_no_bomb() -> None:
    content = archive(
        lambda made: made.writestr("zeros", b"\0" * 50_000_000), compression=zipfile.ZIP_DEFLATED
    )
    assert check(content) == 1


def test_entries_that_share_their_content_are_refused() -> None:
    """The better bomb: many entries, one content."""
    single = named("first")
    directory = single.rfind(b"PK\x01\x02")
    end = single.rfind(b"PK\x05\x06")
    entry, count = bytearray(single[directory:end]), 200
    struct.pack_into("<I", entry, 20, directory // 2)
    content = single[:directory] + bytes(entry) * count
    content += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(entry) * count, directory, 0)
    with pytest.raises(BadArchive, match="overlap"):
        check(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"zip", b"PK\x05\x06", named("a")[:-1], named("a")[:-22], named("a" * 100)[20:-30], b"x" * 100_000],
    ids=["empty", "text", "short", "cut", "no-end", "middle", "long"],
)
def test_what_is_no_archive_or_is_cut_off_is_refused(content: bytes) -> None:
    with pytest.raises(BadArchive):
        check(content)


def test_an_archive_that_says_it_has_more_than_it_has_is_refused() -> None:
    content = bytearray(named("a", "b"))
    end = content.rfind(b"PK\x05\x06")
    for at, form, value in ((10, "<H", 3), (12, "<I", 2**30), (16, "<I", 2**30)):
        broken = bytearray(content)
        struct.pack_into(form, broken, end + at, value)
        with pytest.raises(BadArchive):
            check(bytes(broken))


def test_a_comment_behind_the_archive_does_not_matter() -> None:
    def write(made: zipfile.ZipFile) -> None:
        made.writestr("a", "b")
        made.comment = b"PK and more " * 1000

    assert check(archive(write)) == 1


def test_an_archive_with_more_entries_than_16_bits_count_is_read() -> None:
    many = 70_000
    assert check(named(*(f"f{number}" for number in range(many)))) == many


def test_an_archive_with_too_many_entries_is_refused_before_they_are_read() -> None:
    content = named(*(f"f{number}" for number in range(70_000)))
    end64 = bytearray(content)
    at = content.rfind(b"PK\x06\x06")
    struct.pack_into("<QQ", end64, at + 24, archive_check.ENTRIES_LIMIT + 1, archive_check.ENTRIES_LIMIT + 1)
    with pytest.raises(BadArchive, match="no more than 500000"):
        check(bytes(end64))


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail_otherwise(content: bytes) -> None:
    with suppress(BadArchive):
        check(b"PK\x03\x04" + content + b"PK\x05\x06" + content)


def test_no_damage_makes_it_fail_otherwise() -> None:
    chance = random.Random(7)
    whole = link("a/link", "b") + b""
    for _ in range(2000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        with suppress(BadArchive):
            check(bytes(broken))
