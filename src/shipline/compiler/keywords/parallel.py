"""`parallel`: a number of instances, or one for each combination of a matrix. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from shipline.compiler.fields import Reader, is_integer
from shipline.compiler.nodes import Node

# One row of a matrix: a list of values for each variable.
Row = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Parallel:
    """`number` instances, or those of `matrix`."""

    number: int = 0
    matrix: tuple[Row, ...] | None = None


def read_parallel(
    reader: Reader, node: Node, path: str, *, numbers: bool = True, of_need: bool = False
) -> Parallel | None:
    """`numbers` False: for triggers and needs, which take a matrix only. `of_need`: it names jobs and makes none."""
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return _number(reader, node, path, numbers)
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "should be an integer or a hash")
        return None
    reader.known_keys(node, path, ("matrix",))
    matrix = node.value.get("matrix")
    if matrix is None:
        reader.wrong(node, path, "config missing required keys: matrix")
        return None
    if matrix.value is None:
        return None
    return Parallel(matrix=_matrix(reader, matrix, f"{path}:matrix", of_need))


def _number(reader: Reader, node: Node, path: str, numbers: bool) -> Parallel | None:
    if not numbers:
        reader.wrong(node, path, 'config cannot use "parallel: <number>".')
    limit = reader.limits.parallel
    if not is_integer(node.value):
        reader.wrong(node, path, "config must be an integer")
    elif node.value < 1:
        reader.wrong(node, path, "config must be greater than or equal to 1")
    elif node.value > limit:
        reader.wrong(node, path, f"config must be less than or equal to {limit}")
    else:
        return Parallel(number=node.value)
    return None


def _matrix(reader: Reader, node: Node, path: str, of_need: bool) -> tuple[Row, ...]:
    if not isinstance(node.value, list) or any(not isinstance(item.value, dict) for item in node):
        reader.wrong(node, path, "config should be an array of hashes")
        return ()
    rows = [row for item in node if (row := _row(reader, item, f"{path}:variables")) is not None]
    count = sum(_size(row) for row in rows)
    if count > reader.limits.parallel:
        reader.wrong(node, path, f"config generates too many jobs (maximum is {reader.limits.parallel})")
        return ()
    if not of_need and count == 0 and len(rows) == len(node.value):
        reader.note(node, f"{path} is empty, and so there is no such job")
    return tuple(rows)


def _row(reader: Reader, node: Node, path: str) -> Row | None:
    if not node.value:
        reader.wrong(node, path, "config requires at least 1 items")
        return None
    found: Row = {}
    for key, item in node.value.items():
        values = [inner.value for inner in item] if isinstance(item.value, list) else [item.value]
        if any(not isinstance(value, str) and not is_integer(value) for value in values):
            reader.wrong(item, path, "config should be a hash of key value pairs, value can be an array")
            return None
        found[key] = tuple(str(value) for value in values)
    return found


def _size(row: Row) -> int:
    size = 1
    for values in row.values():
        size *= len(values)
    return size


def combinations(matrix: tuple[Row, ...]) -> Iterator[dict[str, str]]:
    """Each instance's variables, in GitLab's order."""
    for row in matrix:
        for values in itertools.product(*row.values()):
            yield dict(zip(row, values, strict=True))


def instance_name(job: str, values: dict[str, str]) -> str:
    return f"{job}: [{', '.join(values.values())}]"
