"""Expansion of variables in values: `$NAME`, `${NAME}`, `%NAME%`, and `$$` for a dollar. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from shipline.model.circles import first_circle
from shipline.model.variable import Variable

_REFERENCE = re.compile(r"\$\$|%%|\$(\w+)|\$\{(\w+)\}|%(\w+)%", re.ASCII)
LENGTH_LIMIT = 1 << 20
# What all references of one job's variables may add together.
GROWTH_LIMIT = 1 << 24
ROUND_LIMIT = 50


def references(text: str) -> list[str]:
    """The names that `text` refers to, each once, in their order."""
    found = (name for match in _REFERENCE.finditer(text) for name in match.groups() if name)
    return list(dict.fromkeys(found))


def expand(text: str, value_of: Callable[[str], str | None], *, keep_unknown: bool = False) -> str:
    """`text` with every reference replaced, once. An unknown name becomes empty, or stays as it is written."""

    def one(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        if name is None:
            return match[0][0]
        value = value_of(name)
        if value is None:
            return match[0] if keep_unknown else ""
        return value

    return _REFERENCE.sub(one, text)[:LENGTH_LIMIT]


def expand_all(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    """Variables whose values refer to one another, expanded in order of need. Raw ones stay as they are, and
    so do references that go round in a circle."""
    listed = tuple(variables)
    raw = {variable.key: variable for variable in listed}
    done: dict[str, str] = {}

    def value(name: str, path: tuple[str, ...]) -> str | None:
        if name in done:
            return done[name]
        variable = raw.get(name)
        if variable is None:
            return None
        if variable.raw or name in path or len(path) > ROUND_LIMIT:
            return variable.value
        # A file variable's own value is the content; where it is referred to, its path is not known yet.
        done[name] = expand(variable.value, lambda other: value(other, (*path, name)), keep_unknown=False)
        return done[name]

    return tuple(replace(variable, value=value(variable.key, ()) or "") for variable in listed)


def expand_for_runner(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    """Variables as a server hands them out: expanded in depth, for gitlab-runner itself goes but one step. What
    is left for that step stays as it is written: `$$`, unknown names, files (the runner makes their paths),
    raw values (nothing in them may be expanded), and what is beyond GROWTH_LIMIT."""
    listed = tuple(variables)
    known = {variable.key: variable for variable in listed}
    done: dict[str, str] = {}
    left = GROWTH_LIMIT

    def value(variable: Variable, path: tuple[str, ...]) -> str:
        if variable.raw or len(path) > ROUND_LIMIT:
            return variable.value

        def one(match: re.Match[str]) -> str:
            nonlocal left
            name = match[1] or match[2] or match[3]
            other = known.get(name) if name else None
            if other is None or other.file or other.raw or name in path:
                return match[0]
            found = value(other, (*path, name))
            if len(found) > left:
                return match[0]
            left -= len(found)
            return found

        if variable.key not in done:
            done[variable.key] = _REFERENCE.sub(one, variable.value)
        return done[variable.key]

    return tuple(
        replace(variable, value=value(variable, (variable.key,))) if _refers(variable) else variable
        for variable in listed
    )


def _refers(variable: Variable) -> bool:
    """Most variables do not, and stay what they are."""
    return not variable.raw and ("$" in variable.value or "%" in variable.value)


def circle(variables: Mapping[str, str]) -> list[str] | None:
    """Names that refer to one another in a circle, if there are any."""
    graph = {name: references(value) for name, value in variables.items() if "$" in value or "%" in value}
    return first_circle(graph) if graph else None
