"""Is this zip archive one that can be unpacked without harm? Read from its directory alone, within bounds.

What refuses an archive here would hit those that unpack it: jobs that depend on it, and people. Layout: PKWARE's
APPNOTE, the end record (with its zip64 form) and the central directory.
"""

from __future__ import annotations

import posixpath
import re
import stat
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

DIRECTORY_LIMIT = 64 * 1024 * 1024
ENTRIES_LIMIT = 500_000
UNPACKED_LIMIT = 16 * 1024**3
# Deflate cannot do better than 1 to 1032; what looks so good through and through is no work of people.
RATIO_LIMIT, RATIO_FROM = 200, 1024**3
LINK_LIMIT = 4096
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY = b"PK\x01\x02"
_HEADER_SIZE, _END_SIZE, _COMMENT_LIMIT = 30, 22, 65535
_DRIVE = re.compile(r"[A-Za-z]:")
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF


class BadArchive(Exception):
    """Why it is refused, in a sentence for the job's author."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`offset` is where its own header stands; `mode` as Unix has it, 0 when it was made elsewhere."""

    name: str
    packed: int
    size: int
    offset: int
    mode: int

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


def check_archive(file: BinaryIO, size: int) -> int:
    """The number of entries. Raises BadArchive."""
    entries = list(_entries(file, size))
    _check_sizes(entries, size)
    links = {entry.name.rstrip("/") for entry in entries if entry.is_link}
    for entry in entries:
        check_path(entry.name)
        if links:
            check_ancestors(entry.name, links)
        if entry.is_link and entry.size > LINK_LIMIT:
            raise BadArchive(f"the link {_shown(entry.name)} is longer than a path can be")
    return len(entries)


def check_path(name: str) -> None:
    """Raises BadArchive for a name that leaves the folder it is unpacked in."""
    slashed = name.replace("\\", "/")
    if "\0" in name:
        raise BadArchive(f"{_shown(name)} holds a NUL character")
    if slashed.startswith("/") or _DRIVE.match(slashed):
        raise BadArchive(f"{_shown(name)} is an absolute path")
    if ".." in slashed.split("/"):
        raise BadArchive(f"{_shown(name)} leads out of the project's folder (..)")


def check_ancestors(name: str, links: Collection[str]) -> None:
    """Raises BadArchive for what would be written through a link of the same archive. A link itself does no harm,
    wherever it leads: virtual environments are full of links to the system's Python."""
    folder = posixpath.dirname(name.rstrip("/"))
    while folder:
        if folder in links:
            raise BadArchive(f"{_shown(name)} lies behind the link {_shown(folder)}")
        folder = posixpath.dirname(folder)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else text[:200] + "...")


def _check_sizes(entries: list[Entry], size: int) -> None:
    free = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < free:
            raise BadArchive("its entries overlap: it is made to unpack to more than it holds")
        free = entry.offset + _HEADER_SIZE + entry.packed
    unpacked = sum(entry.size for entry in entries)
    if unpacked > UNPACKED_LIMIT or (unpacked > RATIO_FROM and unpacked > size * RATIO_LIMIT):
        raise BadArchive(f"it would unpack to {unpacked} bytes")


def _entries(file: BinaryIO, size: int) -> Iterator[Entry]:
    count, length, start = _directory(file, size)
    if count > ENTRIES_LIMIT or length > DIRECTORY_LIMIT:
        raise BadArchive(f"it has {count} entries: no more than {ENTRIES_LIMIT} are taken")
    if start + length > size:
        raise BadArchive("it is cut off: its directory lies beyond its end")
    file.seek(start)
    directory = file.read(length)
    position = 0
    for _ in range(count):
        entry, position = _entry(directory, position)
        if entry.offset + entry.packed > size:
            raise BadArchive(f"{_shown(entry.name)} lies beyond its end")
        yield entry


def _directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """How many entries, how many bytes, from where."""
    tail_start = max(0, size - _END_SIZE - _COMMENT_LIMIT)
    file.seek(tail_start)
    tail = file.read(size - tail_start)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise BadArchive("it is no zip archive, or it is cut off")
    count, length, start = struct.unpack_from("<HII", tail, at + 10)
    if count != _FULL16 and _FULL32 not in (length, start):
        return count, length, start
    if at < 20 or tail[at - 20 : at - 16] != _LOCATOR64:
        return count, length, start
    (end64,) = struct.unpack_from("<Q", tail, at - 12)
    if end64 + 56 > size:
        raise BadArchive("it is cut off: its end record lies beyond its end")
    file.seek(end64)
    record = file.read(56)
    if record[:4] != _END64:
        raise BadArchive("its end record is not one")
    count, length, start = struct.unpack_from("<QQQ", record, 32)
    return count, length, start


def _entry(directory: bytes, position: int) -> tuple[Entry, int]:
    if directory[position : position + 4] != _ENTRY or len(directory) < position + 46:
        raise BadArchive("its directory is damaged")
    flags = struct.unpack_from("<H", directory, position + 8)[0]
    packed, size, name_length, extra_length, comment_length = struct.unpack_from(
        "<IIHHH", directory, position + 20
    )
    made_by = directory[position + 5]
    attributes, offset = struct.unpack_from("<II", directory, position + 38)
    name_at = position + 46
    extra_at = name_at + name_length
    after = extra_at + extra_length + comment_length
    if after > len(directory):
        raise BadArchive("its directory is damaged")
    name = directory[name_at:extra_at].decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
    extra = directory[extra_at : extra_at + extra_length]
    size, packed, offset = _zip64(extra, size, packed, offset)
    # 3 is Unix, 19 macOS: only they have a mode.
    mode = attributes >> 16 if made_by in (3, 19) else 0
    return Entry(name, packed, size, offset, mode), after


def _zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Numbers that did not fit into 32 bits stand in an extra field, in this order."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == 1:
            values = [value for (value,) in struct.iter_unpack("<Q", body[: len(body) // 8 * 8])]
            found = []
            for given in (size, packed, offset):
                if given == _FULL32 and not values:
                    raise BadArchive("its directory is damaged")
                found.append(values.pop(0) if given == _FULL32 else given)
            return found[0], found[1], found[2]
        position += 4 + length
    return size, packed, offset
