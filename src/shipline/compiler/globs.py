"""Path patterns as Ruby's File.fnmatch reads them with PATHNAME, DOTMATCH and EXTGLOB. Pure.

They become RE2 patterns, so that no pattern takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from shipline.compiler.expression import compiled
from shipline.compiler.limits import Limits

_SIGNS = frozenset("*?[{")
_NEVER = r"[^\x00-\x{10FFFF}]"


def any_match(patterns: Iterable[str], paths: Iterable[str], limits: Limits) -> bool:
    """True when a path matches a pattern, and, as GitLab says, when there are too many to compare."""
    listed, known = list(patterns), list(paths)
    if len(listed) * len(known) > limits.rule_comparisons:
        return True
    most = limits.rule_alternatives, limits.rule_alternative_characters
    matchers = [matcher for pattern in listed if (matcher := _matcher(pattern, *most)) is not None]
    return any(matcher.fullmatch(path) is not None for matcher in matchers for path in known)


def any_exists(patterns: Iterable[str], paths: Collection[str], limits: Limits) -> bool:
    """As `rules:exists` reads patterns: one without signs is a path as it stands or, with a slash at its end, a
    folder. When all are of the top folder, only that is compared."""
    listed = list(patterns)
    exact = [pattern for pattern in listed if not _SIGNS & set(pattern)]
    for pattern in exact:
        if pattern.endswith("/"):
            if any(path.startswith(pattern) for path in paths):
                return True
        elif pattern in paths:
            return True
    others = [pattern for pattern in listed if _SIGNS & set(pattern)]
    if all("/" not in pattern and "**" not in pattern for pattern in listed):
        paths = [path for path in paths if "/" not in path]
    return any_match(others, paths, limits)


@lru_cache(maxsize=4096)
def _matcher(pattern: str, alternatives: int, characters: int) -> Any:
    listed = islice(_braces(pattern, characters), alternatives)
    return compiled("|".join(f"(?:{_translate(one)})" for one in listed) or _NEVER)


def _braces(pattern: str, characters: int) -> Iterator[str]:
    """`a{b,c}` as `ab` and `ac`, nested ones too, until that many characters were made on the way."""
    waiting = [iter([(pattern, 0)])]
    characters += len(pattern)
    while waiting:
        text, start = next(waiting[-1], (None, 0))
        if text is None:
            waiting.pop()
            continue
        characters -= len(text)
        if characters < 0:
            return
        span = _first_braces(text, start)
        if span is None:
            yield text
        else:
            waiting.append(_filled(text, *span))


def _filled(text: str, left: int, right: int) -> Iterator[tuple[str, int]]:
    """With each part of the braces in their place, and where to look on."""
    head, tail = text[:left], text[right + 1 :]
    return ((head + part + tail, left) for part in _split(text[left + 1 : right]))


def _first_braces(text: str, position: int) -> tuple[int, int] | None:
    depth, start = 0, -1
    while position < len(text):
        sign = text[position]
        if sign == "\\":
            position += 1
        elif sign == "{":
            if depth == 0:
                start = position
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
            if depth == 0:
                return start, position
        position += 1
    return None


def _split(text: str) -> Iterator[str]:
    depth, start, position = 0, 0, 0
    while position < len(text):
        sign = text[position]
        if sign == "\\":
            position += 1
        elif sign == "," and depth == 0:
            yield text[start:position]
            start = position + 1
        else:
            depth += {"{": 1, "}": -1}.get(sign, 0)
        position += 1
    yield text[start:]


def _translate(pattern: str) -> str:
    made: list[str] = []
    position = 0
    while position < len(pattern):
        sign = pattern[position]
        if pattern.startswith("**/", position) and (position == 0 or pattern[position - 1] == "/"):
            made.append("(?:[^/]+/)*")
            position += 3
            continue
        if sign == "*":
            if made[-1:] != ["[^/]*"]:
                made.append("[^/]*")
        elif sign == "?":
            made.append("[^/]")
        elif sign == "[":
            written, position = _class(pattern, position + 1)
            made.append(written)
            continue
        else:
            if sign == "\\" and position + 1 < len(pattern):
                position += 1
            made.append(re.escape(pattern[position]))
        position += 1
    return "(?s:" + "".join(made) + ")"


def _class(pattern: str, position: int) -> tuple[str, int]:
    """What stands in brackets, and the position after it. It never matches a slash; open ones match nothing."""
    negated = pattern[position : position + 1] in ("!", "^")
    position += negated
    ranges: list[tuple[int, int]] = []
    while position < len(pattern) and pattern[position] != "]":
        low, position = _sign(pattern, position)
        high = low
        if pattern[position : position + 1] == "-" and pattern[position + 1 : position + 2] not in ("]", ""):
            high, position = _sign(pattern, position + 1)
        ranges.append((ord(low), ord(high)))
    if position >= len(pattern):
        return _NEVER, position
    slash = ord("/")
    if negated:
        parts = ["/", *(_range(low, high) for low, high in ranges if low <= high)]
        return f"[^{''.join(parts)}]", position + 1
    parts = [_range(low, min(high, slash - 1)) for low, high in ranges if low <= min(high, slash - 1)]
    parts += [_range(max(low, slash + 1), high) for low, high in ranges if max(low, slash + 1) <= high]
    return (f"[{''.join(parts)}]" if parts else _NEVER), position + 1


def _sign(pattern: str, position: int) -> tuple[str, int]:
    if pattern[position] == "\\" and position + 1 < len(pattern):
        position += 1
    return pattern[position], position + 1


def _range(low: int, high: int) -> str:
    return f"\\x{{{low:x}}}-\\x{{{high:x}}}"
