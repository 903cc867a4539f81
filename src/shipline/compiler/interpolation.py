"""`$[[ inputs.name ]]` in a configuration, keys too, replaced by values. Pure.

A block that is a whole value keeps the value's type; inside a longer text it becomes text. The list that
replaces an item of a list is put there item by item.
"""

from __future__ import annotations

from typing import Any

import re2

from shipline.compiler.blocks import BlockError, Context, evaluate
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import NO_KEYS, Node, Place
from shipline.compiler.ruby import to_s

_BLOCK = re2.compile(r"(\$\[\[\s*(\S.*?\S)\s*\]\])")
_PREFIX = "$[["
# GitLab leaves these to the server, when it makes the jobs.
_LEFT_ALONE = ("matrix",)


class InterpolationError(Exception):
    """`messages` are GitLab's, about the text `node`."""

    def __init__(self, node: Node, *messages: str) -> None:
        super().__init__(*messages)
        self.node, self.messages = node, messages


def interpolate(body: Node, context: Context, limits: Limits) -> Node:
    """Raises InterpolationError at the first block that is wrong, as GitLab does."""
    return _Interpolation(context, limits).node(body)


class _Interpolation:
    def __init__(self, context: Context, limits: Limits) -> None:
        self.context = context
        self.limits = limits
        self.values: dict[str, Any] = {}
        self.visited = 0
        self.added = 0

    def node(self, node: Node) -> Node:
        self._visit(node)
        value = node.value
        if isinstance(value, dict):
            return self._mapping(node)
        if isinstance(value, list):
            items: list[Node] = []
            for item in value:
                made = self.node(item)
                if isinstance(item.value, str) and isinstance(made.value, list):
                    items += made.value
                else:
                    items.append(made)
            return node.holding(items)
        if isinstance(value, str):
            found = self._text(value, node)
            return node if found is value else _tree(found, node)
        return node

    def _mapping(self, node: Node) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        odd_keys = dict(node.odd_keys)
        for key, item in node.value.items():
            self._visit(item)
            name = key if _PREFIX not in key else self._key(key, node, odd_keys)
            values[name] = self.node(item)
            keys[name] = node.keys.get(key, (node.line, node.column))
        return Node(values, node.file, node.line, node.column, keys, odd_keys or NO_KEYS)

    def _key(self, key: str, node: Node, odd_keys: dict[str, Any]) -> str:
        found = self._text(key, node.key(key))
        name = to_s(found)
        if not isinstance(found, str):
            odd_keys[name] = found
        return name

    def _visit(self, node: Node) -> None:
        self.visited += 1
        if self.visited > self.limits.interpolation_nodes:
            raise InterpolationError(node, "config too large")

    def _text(self, text: str, node: Node) -> Any:
        most = self.limits.interpolation_text_bytes
        if len(text) * 4 > most and len(text.encode()) > most:
            raise InterpolationError(node, "config node too large")
        if _PREFIX not in text:
            return text
        blocks = {match[1]: match[2] for match in _BLOCK.finditer(text)}
        if not blocks:
            return text
        for block, data in blocks.items():
            self._evaluate(block, data, node)
        if len(blocks) == 1 and text in blocks:
            return self._added(self.values[text], node, 1)
        made = text
        for block in blocks:
            value = to_s(self.values[block])
            self._added(value, node, made.count(block))
            made = made.replace(block, value)
        return made

    def _added(self, value: Any, node: Node, times: int) -> Any:
        if _levels(value, self.limits.depth) > self.limits.depth:
            raise InterpolationError(node, "config too large")
        self.added += _size(value) * times
        if self.added > self.limits.interpolation_added:
            raise InterpolationError(node, "config too large")
        return value

    def _evaluate(self, block: str, data: str, node: Node) -> None:
        if block in self.values:
            return
        if len(self.values) >= self.limits.interpolation_blocks:
            raise InterpolationError(node, "too many interpolation blocks")
        if data.partition("|")[0].strip().partition(".")[0] in _LEFT_ALONE:
            self.values[block] = block
            return
        try:
            self.values[block] = evaluate(data, self.context, self.limits)
        except BlockError as error:
            raise InterpolationError(node, *error.args) from error


def _levels(value: Any, most: int) -> int:
    """How deep lists and hashes lie in each other, counted no further than a little beyond `most`."""
    if most < 0 or not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((_levels(item, most - 1) for item in inner), default=0)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return 40 + sum(len(key) + _size(item) for key, item in value.items())
    return 40 + sum(map(_size, value)) if isinstance(value, list) else 8


def _tree(value: Any, at: Node) -> Node:
    """A plain value as a tree, all of it where the block stood."""
    if isinstance(value, dict):
        return Node({key: _tree(item, at) for key, item in value.items()}, at.file, at.line, at.column)
    if isinstance(value, list):
        return Node([_tree(item, at) for item in value], at.file, at.line, at.column)
    return Node(value, at.file, at.line, at.column)
