"""A report as runners pack it: one stream of gzip members, a file in each (RFC 1952). Pure.

A small stream may hold a great deal: no more is unpacked than is asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A member's header with the file's name in it; real ones have some tens of bytes.
HEADER_LIMIT = 64 * 1024
PIECE = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_EXTRA, _NAME = 4, 8


class BadPacking(Exception):
    """What is wrong with the stream, in a sentence."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of file `number`, from 0; a file's last piece is empty."""

    number: int
    name: str
    content: bytes

    @property
    def is_last(self) -> bool:
        return not self.content


def unpack(chunks: Iterable[bytes], limit: int) -> Iterator[Piece]:
    """Piece by piece, `limit` bytes in all. Raises BadPacking for what is damaged, and where the limit is reached;
    what came before that counts."""
    source, number, left = _Source(iter(chunks)), 0, limit
    while source.begins_another():
        name = name_in(source.header())
        inflating = zlib.decompressobj(_GZIP)
        while not inflating.eof:
            given = inflating.unconsumed_tail or source.take()
            try:
                content = inflating.decompress(given, min(PIECE, left + 1))
            except zlib.error as error:
                raise BadPacking("the stream is damaged") from error
            if not (given or content or inflating.eof):
                raise BadPacking("the stream ends in the middle of a file")
            left -= len(content)
            if left < 0:
                raise BadPacking(f"it is larger than {limit // 1024 // 1024} MiB; the rest is not read")
            if content:
                yield Piece(number, name, content)
        source.give_back(inflating.unused_data)
        yield Piece(number, name, b"")
        number += 1
    if number == 0:
        raise BadPacking("it is empty")


def name_in(header: bytes) -> str:
    """The file's name, which stands behind the fixed part of a header; empty when it says none."""
    if len(header) < 10 or not header[3] & _NAME:
        return ""
    at = 10
    if header[3] & _EXTRA:
        at += 2 + int.from_bytes(header[at : at + 2], "little")
    end = header.find(b"\0", at)
    return header[at:end].decode("utf-8", errors="replace") if end > at else ""


class _Source:
    """Bytes from the left, some of which may be given back."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def take(self) -> bytes:
        """The next bytes, nothing at the end."""
        held, self._held = self._held, b""
        return held or next((chunk for chunk in self._chunks if chunk), b"")

    def give_back(self, content: bytes) -> None:
        self._held = content + self._held

    def begins_another(self) -> bool:
        """False at the end, which may be padded with zeros."""
        while content := self.take():
            if rest := content.lstrip(b"\0"):
                self.give_back(rest)
                return True
        return False

    def header(self) -> bytes:
        """So many bytes from here that the member's name is among them, as far as there are."""
        head = self.take()
        while len(head) < HEADER_LIMIT and not _is_whole(head) and (more := self.take()):
            head += more
        self.give_back(head)
        return head[:HEADER_LIMIT]


def _is_whole(head: bytes) -> bool:
    if len(head) < 12:
        return False
    if not head[3] & _NAME:
        return True
    at = 10 + (2 + int.from_bytes(head[10:12], "little") if head[3] & _EXTRA else 0)
    return head.find(b"\0", at) >= 0
