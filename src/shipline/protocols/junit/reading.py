"""JUnit's XML to cases. Pure. What is read is GitLab's choice: cases of `<testsuites>` and of suites in suites.

The XML comes from jobs. Entities are refused, so that nothing swells and no other file is read; depth, cases and
every text have a limit. A file that is bad has its problem told, and the cases before it count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from shipline.protocols.junit.packed import BadPacking, unpack
from shipline.protocols.junit.report import Outcome, Report, TestCase


@dataclass(frozen=True, slots=True)
class Limits:
    """Of all files together: `unpacked` (in bytes), `cases` and `elements` (which cost time, whatever they are).
    `name` and `text` are in characters, of which the rest is cut off; `depth` of elements in one another."""

    unpacked: int = 64 * 1024 * 1024
    cases: int = 100_000
    elements: int = 2_000_000
    files: int = 10_000
    depth: int = 50
    name: int = 1_000
    text: int = 64 * 1024
    problems: int = 20
    problem: int = 300


_SUITES = ("testsuites", "testsuite")
# `<failure>` before `<error>` before `<skipped>`: so GitLab decides when there are several.
_OUTCOMES = {"failure": Outcome.FAILED, "error": Outcome.ERROR, "skipped": Outcome.SKIPPED}
_RANK = (Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED, Outcome.SUCCESS)
_OUTPUTS = {"system-out": "system_out", "system-err": "system_err"}
_ATTACHMENT = re.compile(r"\[\[ATTACHMENT\|(.{1,1000}?)\]\]")
# Of a million seconds nobody's test is; `nan` and `inf` are no times.
_SECONDS_LIMIT = 10_000_000.0


class _Refused(Exception):
    """What is wrong with a file, in words."""


class _TooMany(Exception):
    """Enough of all files together; its words are what there is too much of."""


@dataclass
class _Found:
    """In all files so far."""

    cases: list[TestCase] = field(default_factory=list)
    elements: int = 0
    size: int = 0


def read_report(chunks: Iterable[bytes], limits: Limits | None = None) -> Report:
    """The whole report, out of the bytes of the stored stream. Never raises: what is wrong is in `problems`."""
    limits = limits or Limits()
    found, problems = _Found(), list[str]()
    file: _File | None = None
    try:
        for piece in unpack(chunks, limits.unpacked):
            if piece.number >= limits.files:
                raise _TooMany(f"{limits.files} files")
            if file is None or file.number != piece.number:
                file = _File(piece.number, piece.name, found, limits)
            found.size += len(piece.content)
            file.feed(piece.content)
            if piece.is_last and file.problem:
                problems.append(file.problem)
    except _TooMany as error:
        problems.append(f"There are more than {error}; the rest is not read")
    except BadPacking as error:
        problems.append(f"JUnit report is not packed as it should be: {error}")
    told = tuple(_shortened(one, limits.problem) for one in problems[: limits.problems])
    return Report(tuple(found.cases), told, found.size)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 2] + " …"


@dataclass
class _Open:
    """A case whose end is yet to come; of its texts no more is kept than the limit."""

    name: str
    classname: str
    file: str
    seconds: float
    outcome: Outcome = Outcome.SUCCESS
    message: str = ""
    texts: dict[str, list[str]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, text: str, limit: int) -> None:
        left = limit - self.sizes.get(kind, 0)
        if left > 0:
            self.texts.setdefault(kind, []).append(text if len(text) <= left else text[:left] + "\n[cut off]")
        self.sizes[kind] = self.sizes.get(kind, 0) + len(text)

    def text(self, kind: str) -> str:
        return "".join(self.texts.get(kind, ()))

    def closed(self) -> TestCase:
        system_out = self.text("system_out")
        attachment = (
            _ATTACHMENT.search(system_out) if self.outcome in (Outcome.FAILED, Outcome.ERROR) else None
        )
        return TestCase(
            self.name,
            self.outcome,
            self.classname,
            self.file,
            self.seconds,
            self.message,
            self.text(self.outcome),
            system_out,
            self.text("system_err"),
            attachment[1] if attachment else "",
        )


class _File:
    """One file on its way through expat. What is wrong with it is in `problem`, and nothing more of it is read."""

    def __init__(self, number: int, name: str, found: _Found, limits: Limits) -> None:
        self.number, self.problem = number, ""
        self._name = name.replace("\n", " ") or f"file {number + 1}"
        self._found, self._limits = found, limits
        self._path: list[str] = []
        self._case: _Open | None = None
        self._kind = ""
        self._file = [""]
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse_entities
        parser.ExternalEntityRefHandler = self._refuse_entities
        self._parser = parser

    def feed(self, content: bytes) -> None:
        """Nothing is the end of the file."""
        if self.problem:
            return
        try:
            self._parser.Parse(content, not content)
        except expat.ExpatError as error:
            words = expat.ErrorString(error.code)
            self.problem = (
                f"JUnit XML parsing failed: {self._name}:{error.lineno}:{error.offset + 1}: {words}"
            )
        except _Refused as error:
            self.problem = f"JUnit XML parsing failed: {self._name}:{self._parser.CurrentLineNumber}: {error}"
        except (LookupError, ValueError) as error:
            # An encoding that nobody knows, or that is none of single bytes.
            self.problem = f"JUnit XML parsing failed: {self._name}: {error}"

    def _refuse_entities(self, *_: Any) -> bool:
        raise _Refused("entities are not read: write the characters themselves")

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        if not self._path and element not in _SUITES:
            raise _Refused(f"<{element[:40]}> is no <testsuites> or <testsuite>")
        self._found.elements += 1
        if self._found.elements > self._limits.elements:
            raise _TooMany(f"{self._limits.elements} elements")
        self._path.append(element)
        if len(self._path) > self._limits.depth:
            raise _Refused(f"elements are more than {self._limits.depth} deep in one another")
        if self._case is not None:
            self._within(element, attributes)
        elif element == "testcase" and all(one in _SUITES for one in self._path[:-1]):
            self._open(attributes)
        elif element in _SUITES:
            # The file of a suite is that of its cases, where they say none (phpunit, mocha).
            self._file.append(attributes.get("file") or self._file[-1])

    def _open(self, attributes: dict[str, str]) -> None:
        if len(self._found.cases) >= self._limits.cases:
            raise _TooMany(f"{self._limits.cases} cases")
        short = {key: attributes.get(key, "")[: self._limits.name] for key in ("name", "classname", "file")}
        self._case = _Open(
            short["name"],
            short["classname"],
            short["file"] or self._file[-1][: self._limits.name],
            _seconds(attributes.get("time", "")),
        )

    def _within(self, element: str, attributes: dict[str, str]) -> None:
        if self._case is None or len(self._path) < 2 or self._path[-2] != "testcase":
            return
        self._kind = _OUTPUTS.get(element, "")
        if (outcome := _OUTCOMES.get(element)) is None:
            return
        self._kind = outcome
        if _RANK.index(outcome) < _RANK.index(self._case.outcome):
            self._case.outcome = outcome
            self._case.message = _shortened(attributes.get("message", ""), self._limits.text)

    def _text(self, text: str) -> None:
        if self._case is not None and self._kind:
            self._case.add(self._kind, text, self._limits.text)

    def _end(self, element: str) -> None:
        self._path.pop()
        if self._case is None:
            if element in _SUITES:
                self._file.pop()
        elif element == "testcase" and all(one in _SUITES for one in self._path):
            self._found.cases.append(self._case.closed())
            self._case = None
        elif self._path[-1] == "testcase":
            self._kind = ""


def _seconds(written: str) -> float:
    """`1.25`, and `1,234.5` as some write it. What is no number is no time."""
    try:
        seconds = float(written.replace(",", "") or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < _SECONDS_LIMIT else 0.0
