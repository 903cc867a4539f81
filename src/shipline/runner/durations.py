"""Lengths of time as Go writes them: `5m`, `1h30m`, `1.5s`. Pure."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"([+-]?)((?:{_PART.pattern})+|0)")


def seconds_of(text: str) -> float | None:
    """Seconds, negative ones too; None when it is no length of time."""
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        return None
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[2]))
    return -total if found[1] == "-" else total


def in_words(seconds: float) -> str:
    """`1h0m0s`, as Go shows it."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}h{rest // 60}m{rest % 60}s"
