"""`coverage`: a RE2 pattern between slashes. Pure."""

from __future__ import annotations

from shipline.compiler.expression import ExpressionError, to_pattern
from shipline.compiler.fields import Reader
from shipline.compiler.nodes import Node


def read_coverage(reader: Reader, node: Node, path: str) -> str | None:
    try:
        if not isinstance(node.value, str):
            raise ExpressionError
        to_pattern(node.value)
    except ExpressionError:
        reader.wrong(node, path, "config must be a regular expression with re2 syntax")
        return None
    return node.value
