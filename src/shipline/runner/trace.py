"""The log of one job: masked bytes, their checksum, and how far the coordinator has them. Pure."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from shipline.protocols.runner_api import TRACE_CHUNK_LIMIT
from shipline.runner.masking import Masker

RED, GREEN, YELLOW, CYAN, RESET = "\x1b[31;1m", "\x1b[32;1m", "\x1b[0;33m", "\x1b[36;1m", "\x1b[0;m"


@dataclass
class Trace:
    """`limit` in bytes: beyond it the job goes on, its log does not. `now` gives seconds since the epoch."""

    masker: Masker
    limit: int
    now: Callable[[], float]
    sections: bool = True
    content: bytearray = field(default_factory=bytearray)
    sent: int = 0
    full: bool = False
    # A character may come in two pieces; what is none becomes U+FFFD.
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace"), repr=False
    )

    def write(self, content: bytes) -> None:
        if not self.full:
            self._add(self.masker.feed(self._decoder.decode(content).encode()))

    def line(self, text: str, colour: str = "") -> None:
        """A line of our own."""
        self.write(f"{colour}{text}{RESET if colour else ''}\n".encode())

    def aside(self, masked: bytes) -> None:
        """A line from elsewhere, masked by a masker of its own: what is held back here is not torn apart by it."""
        self._add(masked)

    def start_section(self, name: str, title: str) -> None:
        mark = f"section_start:{int(self.now())}:{name}\r\x1b[0K" if self.sections else ""
        self.write(f"{mark}{RESET}{CYAN}{title}{RESET}\n".encode())

    def end_section(self, name: str) -> None:
        if self.sections:
            self.write(f"section_end:{int(self.now())}:{name}\r\x1b[0K\n".encode())

    def close(self) -> None:
        self.write_end()
        self._add(self.masker.end())

    def write_end(self) -> None:
        """No more bytes come of a character that was begun."""
        if not self.full:
            self._add(self.masker.feed(self._decoder.decode(b"", final=True).encode()))

    def _add(self, content: bytes) -> None:
        if self.full:
            return
        room = self.limit - len(self.content)
        if len(content) <= room:
            self.content += content
            return
        while room and content[room] & 0xC0 == 0x80:
            room -= 1
        self.content += content[:room]
        text = f"\n{YELLOW}Job's log exceeded limit of {self.limit} bytes.\n"
        text += f"Job execution will continue but no more output will be collected.{RESET}\n"
        self.content += text.encode()
        self.full = True

    def unsent(self) -> tuple[int, bytes]:
        """Where the next part begins, and the part."""
        return self.sent, bytes(self.content[self.sent : self.sent + TRACE_CHUNK_LIMIT])

    def acknowledge(self, size: int) -> None:
        """The coordinator says that it has `size` bytes: fewer than we thought, or more."""
        self.sent = min(size, len(self.content))

    @property
    def checksum(self) -> str:
        """`crc32:` and eight hex digits over everything."""
        return f"crc32:{zlib.crc32(self.content):08x}"
