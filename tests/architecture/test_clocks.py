"""The runner measures no length of time with the wall clock: that may be set at any moment. It is for what people
read, and for dates that servers send."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shipline

RUNNER = Path(shipline.__file__).parent / "runner"


def measured(source: str) -> Iterator[int]:
    """Lines in which the wall clock is reckoned with, or compared."""
    for node in ast.walk(ast.parse(source)):
        parts = (
            [node.left, node.right]
            if isinstance(node, ast.BinOp)
            else [node.left, *node.comparators]
            if isinstance(node, ast.Compare)
            else []
        )
        if any(isinstance(one, ast.Call) and ast.unparse(one) == "time.time()" for one in parts):
            yield node.lineno


@pytest.mark.parametrize(
    "path", sorted(RUNNER.rglob("*.py")), ids=lambda path: str(path.relative_to(RUNNER.parent))
)
def test_no_length_of_time_is_measured_with_the_wall_clock(path: Path) -> None:
    assert list(measured(path.read_text())) == []


@pytest.mark.parametrize("text", ["time.time() - since", "end > time.time()", "f(0.5 + time.time())"])
def test_where_it_is_that_is_found(text: str) -> None:
    assert list(measured(text)) == [1]
