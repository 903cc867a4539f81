"""Requests held against AWS's own service models (botocore's, which every client carries too).

Source: the `shapes` of botocore's service-2.json files. AWS ignores members that it does not know, so these
are left out; a missing or mistyped one is an error that names its path.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from shipline.errors import ProtocolError

DEPTH_LIMIT = 40


def conform(value: Any, shape: Shape, path: str = "", depth: int = 0) -> Any:
    """`value` reduced to what `shape` knows. Raises ProtocolError at the first thing that does not fit."""
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"{path} is nested too deeply.")
    return _READERS[shape.type_name](value, shape, path, depth)


def _structure(value: Any, shape: Shape, path: str, depth: int) -> dict[str, Any]:
    members = cast(StructureShape, shape)
    if not isinstance(value, Mapping):
        raise _wrong(path, "an object", value)
    for name in members.required_members:
        if value.get(name) is None:
            raise ProtocolError(f"Missing required parameter: {_join(path, name)}.")
    return {
        name: conform(value[name], member, _join(path, name), depth + 1)
        for name, member in members.members.items()
        if value.get(name) is not None
    }


def _list(value: Any, shape: Shape, path: str, depth: int) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(path, "a list", value)
    member = cast(ListShape, shape).member
    return [conform(entry, member, f"{path}[{index}]", depth + 1) for index, entry in enumerate(value)]


def _map(value: Any, shape: Shape, path: str, depth: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(path, "an object", value)
    entry = cast(MapShape, shape).value
    return {str(key): conform(one, entry, _join(path, str(key)), depth + 1) for key, one in value.items()}


def _string(value: Any, shape: Shape, path: str, depth: int) -> str:
    if not isinstance(value, str):
        raise _wrong(path, "a string", value)
    known = cast(StringShape, shape).enum
    if known and value not in known:
        raise ProtocolError(f"{path} must be one of {', '.join(known)}, not {value[:60]!r}.")
    return value


def _integer(value: Any, shape: Shape, path: str, depth: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise _wrong(path, "an integer", value)
    return int(value)


def _number(value: Any, shape: Shape, path: str, depth: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, "a number", value)
    return float(value)


def _boolean(value: Any, shape: Shape, path: str, depth: int) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, "true or false", value)
    return value


def _blob(value: Any, shape: Shape, path: str, depth: int) -> bytes:
    try:
        return base64.b64decode(_string(value, shape, path, depth), validate=True)
    except binascii.Error as error:
        raise _wrong(path, "base64", value) from error


_READERS: dict[str, Callable[[Any, Shape, str, int], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "timestamp": _number,
    "boolean": _boolean,
    "blob": _blob,
}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(path: str, wanted: str, value: Any) -> ProtocolError:
    return ProtocolError(f"{path or 'The request'} must be {wanted}, not {type(value).__name__}.")
