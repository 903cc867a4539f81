"""The types that a key of config.toml can have: TOML's values in, ours out, or a sentence on what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from datetime import UTC, datetime
from typing import Any

_SECONDS = {"h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|min|ms|m|s)")
# gitlab-runner writes the year 1 where it knows no time.
_NO_TIME = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """`expected` finishes the sentence "KEY must be ...". `read` raises ValueError for what is not that."""

    expected: str
    read: Callable[[Any], Any]


def kind_of(field: Field[Any]) -> Kind:
    """Of a field of `config/sections.py`."""
    kind = _DURATION if field.metadata.get("duration") else _KINDS[str(field.type)]
    choices, least = field.metadata.get("choices", ()), field.metadata.get("least")
    if choices:
        return _chosen(kind, choices)
    if least is not None:
        return _at_least(kind, least, field.default if field.metadata.get("zero") else None)
    return kind


def shown(value: Any) -> str:
    """A value as TOML has it, in short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value if len(value) <= 40 else value[:39] + "…"}"'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)


def seconds(text: str) -> float:
    """Go's way of writing a time: "1h30m", "90s". Raises ValueError."""
    if not (found := _PART.findall(text)) or "".join(number + unit for number, unit in found) != text:
        raise ValueError(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in found)


def _exactly(wanted: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # In Python True is a number; in TOML it is not.
        if type(value) is not wanted:
            raise ValueError
        return value

    return read


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError
    return tuple(value)


def _table_of(wanted: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, dict) or not all(type(one) is wanted for one in value.values()):
            raise ValueError
        return value

    return read


def _time(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        raise ValueError
    if value.year == _NO_TIME:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _duration(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError
    return seconds(value)


def _chosen(kind: Kind, choices: tuple[str, ...]) -> Kind:
    named = ", ".join(f'"{one}"' for one in choices if one)
    listed = kind is _KINDS["tuple[str, ...]"]

    def read(value: Any) -> Any:
        # One policy may stand without brackets.
        several = [value] if listed and isinstance(value, str) else value
        found = kind.read(several)
        if any(one not in choices for one in (found if listed else (found,))):
            raise ValueError
        return found

    return Kind(f"a list of {named}" if listed else f"one of {named}", read)


def _at_least(kind: Kind, least: int, instead_of_zero: Any) -> Kind:
    def read(value: Any) -> Any:
        found = kind.read(value)
        if found == 0 and instead_of_zero is not None:
            return instead_of_zero
        if found < least:
            raise ValueError
        return found

    return Kind(f"{kind.expected}, {least} or more", read)


_DURATION = Kind('a time such as "1h30m" or "90s"', _duration)
_KINDS: Mapping[str, Kind] = {
    "str": Kind("text in quotes", _exactly(str)),
    "int": Kind("a whole number", _exactly(int)),
    "bool": Kind("true or false", _exactly(bool)),
    "bool | None": Kind("true or false", _exactly(bool)),
    "datetime | None": Kind("a date and time such as 2027-01-31T12:00:00Z", _time),
    "tuple[str, ...]": Kind('a list of texts such as ["a", "b"]', _texts),
    "tuple[str, ...] | None": Kind('a list of texts such as ["a", "b"]', _texts),
    "Mapping[str, str]": Kind("a table of texts", _table_of(str)),
    "Mapping[str, bool]": Kind("a table of true and false", _table_of(bool)),
}
