"""What an unquoted YAML scalar means to Ruby's Psych, with which GitLab loads: YAML 1.1 and its quirks. Pure.

`0123` is octal, `1:30` is 5400, `1_000` and `1,000` are 1000, `yes` and `on` are true, but `y`, `1e3` and
`08` are texts; `:name` is a Ruby symbol; dates and times are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXTS_LIKE_TRUE = frozenset({"yes", "true", "on"})
TEXTS_LIKE_FALSE = frozenset({"no", "false", "off"})


@dataclass(frozen=True, slots=True)
class Symbol:
    """`:name` without quotes. GitLab takes it where it takes its own words, and refuses it as a text."""

    name: str

    def __str__(self) -> str:
        return self.name


Scalar = str | int | float | bool | Symbol | None


class ForbiddenClass(ValueError):
    """A date or a time. The text is GitLab's message."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Tried to load unspecified class: {name}")


# Psych's own order of tests: most texts are told apart by their first signs.
_TEXT = re.compile(r"[^\d.:-]?(?:[^\W\d]|[\s!@#$%^&*(){}<>|/\\~;=])")
_TIME = re.compile(
    r"-?\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d\d:\d\d(?:\.\d*)?(?:\s*(?:Z|[-+]\d{1,2}:?(?:\d\d)?))?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-(?:1[012]|0\d|\d)-(?:[12]\d|3[01]|0\d|\d)", re.ASCII)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}")
_SEXAGESIMAL_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}\.[0-9_]*")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?")
_INTEGER = re.compile(
    r"[-+]?(?:0b[01_,]*[01][01_,]*|0[0-7_,]*[0-7][0-7_,]*|0|[1-9](?:[0-9]|[,_](?=[0-9]))*"
    r"|0x[0-9a-fA-F_,]*[0-9a-fA-F][0-9a-fA-F_,]*)"
)
_QUOTED = re.compile(r"([\"'])(.*)\1")
_SPECIAL = {
    ".inf": float("inf"),
    "+.inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}  # fmt: skip
# Python itself refuses to read longer ones, and a pipeline has no use for them.
DIGITS_LIMIT = 4000


def read_scalar(text: str) -> Scalar:
    """Raises ForbiddenClass."""
    if not text:
        return None
    if _TEXT.match(text) is not None or "\n" in text:
        return _word(text) if len(text) <= 5 else text
    if _TIME.fullmatch(text):
        raise ForbiddenClass("Time")
    if _DATE.fullmatch(text):
        raise ForbiddenClass("Date")
    if (special := _SPECIAL.get(text.lower())) is not None:
        return special
    if text[0] == ":" and len(text) > 1:
        return Symbol(_unquoted(text[1:]))
    if text[0] not in "+-.0123456789":
        return text
    return _number(text)


def _word(text: str) -> Scalar:
    lower = text.lower()
    if lower in ("~", "null"):
        return None
    if lower in TEXTS_LIKE_TRUE:
        return True
    if lower in TEXTS_LIKE_FALSE:
        return False
    return text


def _unquoted(name: str) -> str:
    match = _QUOTED.match(name)
    return match[2] if match is not None else name


def _number(text: str) -> Scalar:
    if len(text) > DIGITS_LIMIT:
        return text
    if _SEXAGESIMAL.fullmatch(text):
        return sum(int(part) * _weight(position) for position, part in enumerate(_parts(text)))
    if _SEXAGESIMAL_FLOAT.fullmatch(text):
        return sum(float(part) * _weight(position) for position, part in enumerate(_parts(text)))
    if _FLOAT.fullmatch(text):
        try:
            return float(text.replace(",", "").replace("_", ""))
        except ValueError:
            return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    return text


def _weight(position: int) -> int:
    """Psych's own: `1:30` is a time of day, in seconds."""
    return (3600, 60, 1)[position]


def _parts(text: str) -> list[str]:
    return text.replace("_", "").split(":")


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").replace(",", "").replace("_", "")
    if digits.startswith("0b"):
        return sign * int(digits[2:], 2)
    if digits.startswith("0x"):
        return sign * int(digits[2:], 16)
    return sign * int(digits, 8 if digits.startswith("0") else 10)
