"""What stands inside `$[[ ]]`: where the value is, and the functions that it goes through. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shipline.compiler.limits import Limits
from shipline.model.expansion import expand
from shipline.model.variable import Variable

_INDEXED = re.compile(r"(?P<key>[\w-]*)(?P<indices>(?:\[\d+\])+)", re.ASCII)
_TRUNCATE = re.compile(r"truncate\(\s*(?P<offset>\d{1,9})\s*,\s*(?P<length>\d{1,9})\s*\)?", re.ASCII)
_TO_ESCAPE = re.compile(r"[^A-Za-z0-9_\-.,:+/@\n]")


class BlockError(Exception):
    """A block that GitLab does not take; each argument is one message."""


@dataclass(frozen=True, slots=True)
class Context:
    """`values` by their first name, `inputs` and `component`; `variables` are for `expand_vars`."""

    values: Mapping[str, Any]
    variables: Mapping[str, Variable]


def evaluate(data: str, context: Context, limits: Limits) -> Any:
    """The value of `access | function | ...`. Raises BlockError."""
    access, *functions = (part.strip() for part in data.split("|"))
    value = _access(access, context, limits)
    if len(functions) > limits.interpolation_functions:
        raise BlockError("too many functions in interpolation block")
    unknown = [text for text in functions if not _is_function(text)]
    if unknown:
        raise BlockError(
            *(
                f"no function matching `{text}`: check that the function name, arguments, and types are correct"
                for text in unknown
            )
        )
    for text in functions:
        value = _apply(text, value, context)
    return value


def _access(access: str, context: Context, limits: Limits) -> Any:
    faults = []
    objects = access.split(".", limits.interpolation_objects - 1)
    if len(objects) <= 1:
        faults.append("invalid pattern used for interpolation. valid pattern is $[[ inputs.input ]]")
    if len(access.encode()) > limits.interpolation_access_bytes:
        faults.append("maximum interpolation expression size exceeded")
    if faults:
        raise BlockError(*faults)
    found: Any = context.values
    for segment in objects:
        key, indices = _segment(segment, access, limits) if "[" in segment else (segment, [])
        if not isinstance(found, Mapping) or key not in found:
            raise BlockError(f"unknown interpolation provided: `{key}` in `{access}`")
        found = found[key]
        for index in indices:
            if not isinstance(found, list):
                raise BlockError(f"cannot index into non-array value at [{index}] in `{access}`")
            if index >= len(found):
                raise BlockError(f"array index {index} out of bounds (size: {len(found)}) in `{access}`")
            found = found[index]
    return found


def _segment(segment: str, access: str, limits: Limits) -> tuple[str, list[int]]:
    """`list[1][0]` as its name and its indices."""
    match = _INDEXED.fullmatch(segment)
    if match is not None:
        indices = re.findall(r"\d+", match["indices"])
        if not match["key"]:
            raise BlockError(f"invalid indexed access without a key in `{access}`")
        if len(indices) > limits.interpolation_indices:
            most = limits.interpolation_indices
            raise BlockError(f"too many array indices in `{access}` (maximum depth: {most})")
        return match["key"], [int(index) for index in indices]
    if segment.count("[") != segment.count("]"):
        raise BlockError(f"invalid array index in `{access}`: missing closing bracket")
    for content in re.findall(r"\[([^\]]*)\]", segment):
        if not re.fullmatch(r"\d+", content, re.ASCII):
            raise BlockError(f"invalid array index in `{access}`: `{content}` is not a valid index")
    raise BlockError(f"invalid array index syntax in `{access}`")


def _is_function(text: str) -> bool:
    return text in ("expand_vars", "posix_escape") or _TRUNCATE.fullmatch(text) is not None


def _apply(text: str, value: Any, context: Context) -> str:
    name = text.partition("(")[0]
    if not isinstance(value, str):
        problem = f"invalid input type: {name} can only be used with string inputs"
        raise BlockError(f"error in `{name}` function: {problem}")
    if name == "expand_vars":
        return _expand(value, context.variables)
    if name == "posix_escape":
        return _posix_escape(value)
    match = _TRUNCATE.fullmatch(text)
    assert match is not None
    offset, length = int(match["offset"]), int(match["length"])
    return value[offset : offset + length]


def _expand(text: str, variables: Mapping[str, Variable]) -> str:
    """Unknown variables stay; a masked one would show its value in the configuration."""

    def value_of(name: str) -> str | None:
        variable = variables.get(name)
        if variable is not None and variable.masked:
            problem = "variable expansion error: masked variables cannot be expanded"
            raise BlockError(f"error in `expand_vars` function: {problem}")
        return None if variable is None else variable.value

    return expand(text, value_of, keep_unknown=True)


def _posix_escape(text: str) -> str:
    if not text:
        return "''"
    return _TO_ESCAPE.sub(lambda match: "\\" + match[0], text).replace("\n", "'\n'")
