"""A job's coverage, read from its log by the job's pattern; a pipeline's from its jobs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shipline.compiler.expression import ExpressionError, compiled, to_pattern

_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def coverage_in(written: str, lines_from_the_end: Iterable[bytes]) -> float | None:
    """The first number in the last match on the last line that `written` (`/RE2/`) matches. A match without a
    number does not count. With a group in the pattern only what the last one holds is looked at."""
    try:
        pattern = compiled(to_pattern(written).text)
    except ExpressionError:
        return None
    if pattern is None:
        return None
    for line in lines_from_the_end:
        last = None
        for match in pattern.finditer(line.decode(errors="replace")):
            last = match
        if last is None:
            continue
        groups = last.groups()
        text = (groups[-1] or "") if groups else last.group(0)
        if number := _NUMBER.search(text):
            return float(number.group(0))
    return None


def pipeline_coverage(found: Iterable[float | None]) -> float | None:
    """The mean of the jobs that have one, to two digits."""
    known = [one for one in found if one is not None]
    return round(sum(known) / len(known), 2) if known else None
