"""`variables`, wherever they stand. Pure."""

from __future__ import annotations

from collections.abc import Collection

from shipline.compiler.fields import (
    BOOLEAN,
    STRINGS,
    Reader,
    is_blank,
    is_integer,
    is_texts,
)
from shipline.compiler.nodes import Node
from shipline.compiler.ruby import to_s
from shipline.model.variable import Variable

GLOBAL_DATA = ("value", "description", "expand", "options")
JOB_DATA = ("value", "expand")
# Variables of rules and services have plain values only.
NO_DATA = ()


def read_variables(
    reader: Reader, node: Node | None, path: str, data: Collection[str] = JOB_DATA
) -> tuple[Variable, ...]:
    """`data` are the keys that the hash of one variable may have."""
    if node is None or node.value is None or not reader.is_hash(node, path):
        return ()
    found = []
    for key, item in node.value.items():
        if isinstance(item.value, dict):
            found.append(_with_data(reader, key, item, f"{path}:{key}", data))
        elif isinstance(item.value, list):
            # This message has no path.
            reader.problems.add(item, "variable definition must be either a string or a hash", job=reader.job)
        else:
            found.append(Variable(key, to_s(item.value)))
    return tuple(found)


def _with_data(reader: Reader, key: str, node: Node, path: str, data: Collection[str]) -> Variable:
    if data:
        reader.known_keys(node, path, data, "uses invalid data keys")
    else:
        reader.wrong(node, path, "config must be a string")
    found = {name: item for name, item in node.value.items() if item.value is not None}
    value, expand = found.get("value"), found.get("expand")
    if value is not None and isinstance(value.value, (dict, list)):
        reader.wrong(value, path, "config value must be a scalar")
    if expand is not None and not isinstance(expand.value, bool):
        reader.wrong(expand, path, f"config expand {BOOLEAN}")
    description, options = found.get("description"), found.get("options")
    if description is not None and not (isinstance(description.value, str) or is_integer(description.value)):
        reader.wrong(description, path, "config description must be an alphanumeric string")
    if options is not None:
        if not is_texts(options):
            reader.wrong(options, path, f"config options {STRINGS}")
        allowed = [item.value for item in options]
        if not is_blank(options.value) and (value is None or value.value not in allowed):
            reader.wrong(value or node, path, "config value must be present in options")
    raw = expand is not None and expand.value is False
    return Variable(key, to_s(value.value) if value is not None else "", raw=raw)
