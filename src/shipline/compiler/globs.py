"""Path patterns as Ruby's File.fnmatch reads them with PATHNAME, DOTMATCH and EXTGLOB. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

COMPARISON_LIMIT = 50_000


def any_match(patterns: Iterable[str], paths: Iterable[str]) -> bool:
    """True when a path matches a pattern, and, as GitLab says, when there are too many to compare."""
    listed, known = list(patterns), list(paths)
    if len(listed) * len(known) > COMPARISON_LIMIT:
        return True
    compiled = [_compile(pattern) for pattern in listed]
    return any(pattern.fullmatch(path) for pattern in compiled for path in known)


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile("|".join(f"(?:{_translate(one)})" for one in _braces(pattern)), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))


def _braces(pattern: str, limit: int = 256) -> list[str]:
    """`a{b,c}` as `ab` and `ac`, nested ones too."""
    depth, start = 0, -1
    for position, sign in enumerate(pattern):
        if sign == "{":
            if depth == 0:
                start = position
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
            if depth == 0:
                head, tail = pattern[:start], pattern[position + 1 :]
                parts = _split(pattern[start + 1 : position])
                return [one for part in parts for one in _braces(head + part + tail, limit)][:limit]
    return [pattern]


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for sign in text:
        if sign == "," and depth == 0:
            parts.append("")
            continue
        depth += {"{": 1, "}": -1}.get(sign, 0)
        parts[-1] += sign
    return parts


def _translate(pattern: str) -> str:
    made, position = "", 0
    while position < len(pattern):
        sign = pattern[position]
        if pattern.startswith("**/", position) and (position == 0 or pattern[position - 1] == "/"):
            made += "(?:[^/]+/)*"
            position += 3
            continue
        if sign == "*":
            made += "[^/]*"
        elif sign == "?":
            made += "[^/]"
        elif sign == "[" and (end := pattern.find("]", position + 2)) > 0:
            inner = pattern[position + 1 : end].replace("\\", "\\\\")
            made += f"(?!/)[{'^' + inner[1:] if inner[0] in '!^' else inner}]"
            position = end
        elif sign == "\\" and position + 1 < len(pattern):
            position += 1
            made += re.escape(pattern[position])
        else:
            made += re.escape(sign)
        position += 1
    return made
