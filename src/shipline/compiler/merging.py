"""Trees laid over one another, as GitLab merges files and jobs. Pure."""

from __future__ import annotations

from shipline.compiler.nodes import NO_KEYS, Node


def merge(base: Node, over: Node) -> Node:
    """`over` laid over `base`: hashes are merged, everything else is replaced, also by null."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    if not base.value:
        return over
    values = dict(base.value)
    for key, node in over.value.items():
        below = values.get(key)
        values[key] = node if below is None else merge(below, node)
    odd_keys = {**base.odd_keys, **over.odd_keys} if base.odd_keys or over.odd_keys else NO_KEYS
    below_keys = base.keys if base.file == over.file else base.keys_anywhere()
    return Node(values, over.file, over.line, over.column, {**below_keys, **over.keys}, odd_keys)


def without(node: Node, key: str) -> Node:
    if key not in node.value:
        return node
    return node.holding({name: value for name, value in node.value.items() if name != key})
