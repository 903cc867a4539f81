"""Where a value was written: in the job, in something that it extends, in `default`, in an included file. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shipline.compiler.nodes import Node

Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Origin:
    """`how` in words, such as "the job itself" or "extends .base"; `file` and `line` where there is a place."""

    how: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.how}, {self.file}:{self.line}" if self.file else self.how


@dataclass(frozen=True, slots=True)
class Origins:
    """Knows for every place of a tree before `extends` under which top-level key it was written."""

    tree: Node
    owners: dict[Place, str]

    def of(self, node: Node, job: str) -> Origin:
        """Where a value of a job's final form comes from."""
        owner = self.owners.get(_place(node))
        return Origin(self._how(owner, job), node.file, node.line)

    def _how(self, owner: str | None, job: str) -> str:
        if owner == job:
            return "the job itself"
        if owner is None:
            return "written"
        if owner in self.ancestors(job):
            return f"extends {owner}"
        if owner == "default":
            return "default"
        return f"!reference or anchor in {owner}"

    def ancestors(self, job: str) -> frozenset[str]:
        """All that a job extends, directly or not."""
        found: set[str] = set()
        waiting = [job]
        while waiting:
            for parent in _parents(self.tree.value.get(waiting.pop())):
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return frozenset(found)


def origins_of(tree: Node) -> Origins:
    """`tree` is the configuration with all its includes, before `extends` and references are resolved."""
    owners: dict[Place, str] = {}
    for name, node in tree.value.items():
        for inner in _walk(node):
            # What an anchor shares belongs to where the anchor stands, which comes first.
            owners.setdefault(_place(inner), name)
    return Origins(tree, owners)


def _walk(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found.value, dict):
            waiting += found.value.values()
        elif isinstance(found.value, list):
            waiting += found.value


def _place(node: Node) -> Place:
    return node.file, node.line, node.column


def _parents(node: Node | None) -> list[str]:
    extends: Any = node.value.get("extends") if node is not None and isinstance(node.value, dict) else None
    if extends is None:
        return []
    names = extends.plain()
    return [name for name in (names if isinstance(names, list) else [names]) if isinstance(name, str)]
