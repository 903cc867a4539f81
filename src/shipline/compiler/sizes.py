"""How much a tree takes in GitLab's memory, and how deep it is. Pure."""

from __future__ import annotations

from shipline.compiler.nodes import Node

# Ruby keeps a value in a slot of one of these sizes; longer texts and larger lists lie outside of it.
_SLOTS = (40, 80, 160, 320, 640)
_TEXT_HEADER = 25


class Sizes:
    """Each list and mapping is measured once, so that measuring takes no longer than loading did."""

    def __init__(self) -> None:
        # The node is kept so that its id stays its own.
        self._known: dict[int, tuple[Node, int, int]] = {}

    def of(self, node: Node) -> tuple[int, int]:
        """Bytes, and levels of nesting: 0 for a scalar."""
        value = node.value
        if not isinstance(value, (dict, list)):
            return _scalar(value), 0
        known = self._known.get(id(node))
        if known is not None:
            return known[1], known[2]
        if isinstance(value, dict):
            size = _slot(32 + 16 * len(value)) + sum(_text(key) for key in value)
            children = list(value.values())
        else:
            size = _slot(16 + 8 * len(value))
            children = value
        height = 0
        for child in children:
            child_size, child_height = self.of(child)
            size += child_size
            height = max(height, child_height)
        self._known[id(node)] = (node, size, height + 1)
        return size, height + 1


def _scalar(value: object) -> int:
    return _text(value) if isinstance(value, str) else 40


def _text(text: str) -> int:
    return _slot(_TEXT_HEADER + len(text))


def _slot(size: int) -> int:
    return next((slot for slot in _SLOTS if size <= slot), size + 40)
