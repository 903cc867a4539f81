"""Text for people: colour only on a terminal, columns that line up, and nothing that a file could smuggle in.

By hand and not by rich, whose import alone costs more than compiling a small file.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
LEAST = 16
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Style:
    """Paints words when `colour` says so. `room` is a line's width on a terminal, 0 where lines may be long."""

    colour: bool = False
    room: int = 0

    def __call__(self, text: str, *looks: str) -> str:
        if not self.colour or not looks or not text:
            return text
        return f"\x1b[{';'.join(_CODES[look] for look in looks)}m{text}\x1b[0m"


def style(stream: TextIO) -> Style:
    """https://no-color.org: a terminal gets colour unless NO_COLOR says something."""
    if not stream.isatty():
        return Style()
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(wanted, _columns_of(stream))


def _columns_of(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 0


def safe(text: str) -> str:
    """Names and lines out of files, with control characters made visible."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text) if not text.isprintable() else text


def width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    combining = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - combining


def columns(
    rows: Sequence[Sequence[str]], heads: Sequence[str], paint: Style, looks: Sequence[str] = ()
) -> Iterable[str]:
    """Lines of a table whose columns line up; `looks` names a colour for each column, "" for none."""
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [max([width(head), *(width(row[number]) for row in cells)]) for number, head in enumerate(heads)]
    # The last column has sentences: one line of the terminal each is easier to read than all of them.
    left = paint.room - sum(widths[:-1]) - 2 * len(widths[:-1])
    if paint.room and left >= LEAST:
        cells = [[*row[:-1], _cut(row[-1], left)] for row in cells]
    yield paint(_line(heads, widths, Style(), ()), "bold")
    for row in cells:
        yield _line(row, widths, paint, looks)


def _cut(text: str, room: int) -> str:
    if width(text) <= room:
        return text
    while width(text) > room - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _line(row: Sequence[str], widths: Sequence[int], paint: Style, looks: Sequence[str]) -> str:
    words = []
    for number, cell in enumerate(row):
        look = looks[number] if number < len(looks) else ""
        gap = " " * (widths[number] - width(cell)) if number < len(row) - 1 else ""
        words.append((paint(cell, look) if look else cell) + gap)
    return "  ".join(words).rstrip()


def out(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Everything in one write; a reader that has gone (`| head`) is no error."""
    stream = stream or sys.stdout
    try:
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end: give it somewhere to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
