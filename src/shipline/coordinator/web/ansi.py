"""A job's log as HTML: ANSI colours, carriage returns, GitLab's collapsible sections. Pure, incremental.

What it gives is always escaped; only its own `span`, `details`, `summary` and `div` tags are in it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace
from html import escape

LINE_LIMIT = 64 * 1024
_SECTION = re.compile(
    r"section_(start|end):(\d{1,12}):([A-Za-z0-9_.-]{1,100})(?:\[([^\]]{0,200})\])?\r?\x1b\[0K"
)
_ESCAPE = re.compile(r"\x1b\[([0-9;]{0,40})([A-Za-z])|\x1b.?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Style:
    """SGR attributes in force. Colours are class names or None."""

    foreground: str | None = None
    background: str | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    dim: bool = False
    inverse: bool = False

    def classes(self) -> str:
        front, ground = self.foreground, self.background
        if self.inverse:
            front, ground = ground or "black", front or "white"
        names = [front or "", f"b{ground}" if ground else ""]
        names += [
            name
            for name, on in (
                ("bold", self.bold),
                ("ital", self.italic),
                ("undl", self.underline),
                ("dim", self.dim),
            )
            if on
        ]
        return " ".join(name for name in names if name)


@dataclass
class Renderer:
    """Feed it bytes as they come; it gives HTML for whole lines and keeps the rest for later."""

    style: Style = field(default_factory=Style)
    number: int = 0
    open: list[tuple[str, int]] = field(default_factory=list)
    _rest: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"), repr=False
    )

    def feed(self, content: bytes) -> str:
        text = self._rest + self._decoder.decode(content)
        *lines, self._rest = text.split("\n")
        if len(self._rest) > LINE_LIMIT:
            lines, self._rest = [*lines, self._rest], ""
        return "".join(self._line(line) for line in lines)

    def end(self) -> str:
        """What is left, and every section closed."""
        left, self._rest = self._rest + self._decoder.decode(b"", True), ""
        html = self._line(left) if left else ""
        html += "</details>" * len(self.open)
        self.open.clear()
        return html

    def _line(self, line: str) -> str:
        html, position = "", 0
        shown = ""
        for match in _SECTION.finditer(line):
            shown += line[position : match.start()]
            position = match.end()
            if match[1] == "start":
                title = line[position:]
                following = _SECTION.search(title)
                if following is not None:
                    title = title[: following.start()]
                html += self._flush(shown) + self._start(match[3], int(match[2]), match[4] or "", title)
                position += len(title)
                shown = ""
            else:
                html += self._flush(shown) + self._end(match[3], int(match[2]))
                shown = ""
        shown += line[position:]
        return html + (self._text_line(shown) if shown or not html else "")

    def _flush(self, shown: str) -> str:
        return self._text_line(shown) if shown.strip() else ""

    def _start(self, name: str, at: int, options: str, title: str) -> str:
        self.open.append((name, at))
        state = "" if "collapsed=true" in options else " open"
        self.number += 1
        return (
            f'<details class="section"{state}><summary id="L{self.number}">{self._styled(title) or escape(name)}'
            "</summary>"
        )

    def _end(self, name: str, at: int) -> str:
        if name not in [opened for opened, _ in self.open]:
            return ""
        html = ""
        while self.open:
            opened, since = self.open.pop()
            seconds = max(0, at - since)
            html += f'<div class="took">{seconds // 60:02}:{seconds % 60:02}</div></details>'
            if opened == name:
                break
        return html

    def _text_line(self, text: str) -> str:
        self.number += 1
        return f'<div class="line" id="L{self.number}">{self._styled(text)}</div>'

    def _styled(self, text: str) -> str:
        # What a carriage return overwrites is not shown: progress bars end as their last state.
        parts = [part for part in text.rstrip("\r").split("\r") if part]
        for part in parts[:-1]:
            self._colours_only(part)
        html, position = "", 0
        kept = parts[-1] if parts else ""
        for match in _ESCAPE.finditer(kept):
            html += self._span(kept[position : match.start()])
            if match[2] == "m":
                self.style = sgr(self.style, match[1])
            position = match.end()
        return html + self._span(kept[position:])

    def _colours_only(self, part: str) -> None:
        for match in _ESCAPE.finditer(part):
            if match[2] == "m":
                self.style = sgr(self.style, match[1])

    def _span(self, text: str) -> str:
        shown = escape(_CONTROL.sub("", text))
        classes = self.style.classes()
        return f'<span class="{classes}">{shown}</span>' if shown and classes else shown


_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def sgr(style: Style, parameters: str) -> Style:
    """The style after `ESC [ parameters m`."""
    codes = [int(code) if code else 0 for code in parameters.split(";")]
    position = 0
    while position < len(codes):
        code = codes[position]
        if code in (38, 48):
            colour, position = _extended(codes, position)
            style = replace(style, foreground=colour) if code == 38 else replace(style, background=colour)
        else:
            style = _simple(style, code)
        position += 1
    return style


def _simple(style: Style, code: int) -> Style:
    if code == 0:
        return Style()
    flags = {1: ("bold", True), 2: ("dim", True), 3: ("italic", True), 4: ("underline", True),
             7: ("inverse", True), 23: ("italic", False), 24: ("underline", False),
             27: ("inverse", False)}  # fmt: skip
    if code in flags:
        name, on = flags[code]
        return replace(style, **{name: on})  # type: ignore[arg-type]
    if code == 22:
        return replace(style, bold=False, dim=False)
    for base, bright in ((30, ""), (90, "l-")):
        if base <= code <= base + 7:
            return replace(style, foreground=f"{bright}{_NAMES[code - base]}")
        if base + 10 <= code <= base + 17:
            return replace(style, background=f"{bright}{_NAMES[code - base - 10]}")
    if code == 39:
        return replace(style, foreground=None)
    if code == 49:
        return replace(style, background=None)
    return style


def _extended(codes: list[int], position: int) -> tuple[str | None, int]:
    """256 colours and true colour, as the nearest of the sixteen that a page has classes for."""
    if position + 2 < len(codes) and codes[position + 1] == 5:
        number = codes[position + 2]
        if number < 8:
            return _NAMES[number], position + 2
        if number < 16:
            return f"l-{_NAMES[number - 8]}", position + 2
        if number < 232:
            cube = number - 16
            return _nearest(cube // 36 * 51, cube // 6 % 6 * 51, cube % 6 * 51), position + 2
        grey = (number - 232) * 10 + 8
        return _nearest(grey, grey, grey), position + 2
    if position + 4 < len(codes) and codes[position + 1] == 2:
        return _nearest(*codes[position + 2 : position + 5]), position + 4
    return None, len(codes)


def _nearest(red: int, green: int, blue: int) -> str:
    if max(red, green, blue) - min(red, green, blue) < 24:
        shades = ((48, "black"), (144, "l-black"), (216, "white"), (256, "l-white"))
        return next((name for limit, name in shades if red < limit), "l-white")
    bright = "l-" if max(red, green, blue) > 191 else ""
    limit = max(red, green, blue) // 2 if max(red, green, blue) > 50 else 255
    index = (red > limit) + 2 * (green > limit) + 4 * (blue > limit)
    return f"{bright}{_NAMES[index]}"
