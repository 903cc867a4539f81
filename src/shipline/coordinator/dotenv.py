"""Dotenv reports: variables that a job leaves to those behind it. Pure, but for the file it is given.

The rules are GitLab's: every line is KEY=VALUE, blanks around both do not count, quotes stay, the last of a name
wins. A line that is not is an error of the job that made it.
"""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from shipline.model.variable import Variable

BYTES_LIMIT = 5 * 1024
VARIABLES_LIMIT = 150
_LINE = re.compile(r"(.*?)=(.*)")
_KEY = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)


class BadDotenv(Exception):
    """What is wrong with it, in a sentence."""


def read(path: Path) -> bytes:
    """The text of a packed report. Raises BadDotenv, OSError when the file is not there."""
    try:
        with gzip.open(path) as file:
            # No more of it than tells that it is too large: a small stream may hold a great deal.
            text = file.read(BYTES_LIMIT + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadDotenv("the dotenv artifact is no gzip stream") from error
    if len(text) > BYTES_LIMIT:
        raise BadDotenv(f"Dotenv Artifact Too Big. Maximum Allowable Size: {BYTES_LIMIT}")
    return text


def parse(text: bytes) -> tuple[Variable, ...]:
    """Raises BadDotenv."""
    found: dict[str, Variable] = {}
    for number, line in enumerate(_decoded(text).split("\n"), 1):
        if not line and number > text.count(b"\n"):
            # Behind the last end of a line there is none.
            continue
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            raise BadDotenv(f"Invalid Format: line {number} is not KEY=VALUE")
        key, value = match[1].strip(), match[2].strip()
        if not _KEY.fullmatch(key):
            raise BadDotenv(f"Invalid Format: line {number}: the name may hold letters, digits and _ only")
        if "\0" in value:
            raise BadDotenv(
                f"Invalid Format: line {number}: the value holds a NUL character, which no variable can"
            )
        found[key] = Variable(key, value)
    if len(found) > VARIABLES_LIMIT:
        raise BadDotenv(f"Dotenv files cannot have more than {VARIABLES_LIMIT} variables")
    return tuple(found.values())


def _decoded(text: bytes) -> str:
    """PowerShell writes UTF-16, and marks at the beginning."""
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16", errors="replace")
    return text.decode("utf-8-sig", errors="replace")
