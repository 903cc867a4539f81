"""Durations in words, as GitLab takes them: `1h 30m`, `2 weeks`, `90` (seconds)."""

from __future__ import annotations

import re

_UNITS = {
    "s": 1, "sec": 1, "second": 1,
    "m": 60, "min": 60, "minute": 60,
    "h": 3600, "hr": 3600, "hour": 3600,
    "d": 86400, "day": 86400,
    "w": 604800, "wk": 604800, "week": 604800,
    "mo": 2592000, "month": 2592000, "mth": 2592000,
    "y": 31557600, "yr": 31557600, "year": 31557600,
}  # fmt: skip
# Thirty million years: as good as any longer time, and a number still.
LONGEST = 10**15
_PART = re.compile(r"\s*(?:and\s+|,\s*)?(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def parse_duration(text: str) -> int | None:
    """`1h 30m`, `2 weeks`, `90` (seconds); None when it is no duration. None is longer than LONGEST."""
    total, position = 0.0, 0
    stripped = text.strip()
    while position < len(stripped):
        match = _PART.match(stripped, position)
        if match is None:
            return None
        unit = match[2].lower()
        size = 1 if not unit else _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if size is None:
            return None
        total += float(match[1]) * size
        position = match.end()
    return int(min(total, LONGEST)) if stripped else None
