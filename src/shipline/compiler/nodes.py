"""YAML with the place of every value. Pure.

`loading.py` makes these trees in bounded time and memory; everything after it reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[int, int] | tuple[int, int, str]


class _NoKeys(dict[str, Any]):
    """Stands for "no keys" in every node that is no mapping; nobody writes to it."""

    # So that it may be a field's default.
    __hash__ = object.__hash__  # type: ignore[assignment]


NO_KEYS: Mapping[str, Any] = _NoKeys()


@dataclass(frozen=True, slots=True)
class Reference:
    """A `!reference [job, key, ...]`, before it is resolved. `path` is empty for one that is not valid;
    `written` is how GitLab's messages name it."""

    path: tuple[str, ...]
    written: str


# Nobody changes a node. To have Python see to it makes the loading of a large file take half as long again.
@dataclass(slots=True)
class Node:
    """`value` is a dict[str, Node], a list[Node], a Reference, or a str, int, float, bool, Symbol or None.

    `keys` says where each key of a mapping stands, as (line, column), or as (line, column, file) for a key
    that was merged from another file. YAML's keys need not be texts: `1:`,
    `true:` and `~:` are a number, a boolean and null. In `value` they are the texts "1", "true" and "", and
    `odd_keys` has what they really are, so that `name in node.odd_keys` says that GitLab would not take it
    as a name.
    """

    value: Any
    file: str
    line: int
    column: int
    keys: Mapping[str, Place] = field(default=NO_KEYS, compare=False, repr=False)
    odd_keys: Mapping[str, Any] = field(default=NO_KEYS, compare=False, repr=False)

    def key(self, name: str) -> Node:
        """The place of a key, as a node, for messages about the key itself."""
        line, column, *elsewhere = self.keys.get(name, (self.line, self.column))
        return Node(name, elsewhere[0] if elsewhere else self.file, line, column)

    def keys_anywhere(self) -> dict[str, Place]:
        """`keys` with the file in each place, for a mapping that is to become part of another file's."""
        return {
            key: (*place[:2], place[2] if len(place) > 2 else self.file) for key, place in self.keys.items()
        }

    def holding(self, value: Any) -> Node:
        """Another value at the same place."""
        return Node(value, self.file, self.line, self.column, self.keys, self.odd_keys)

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def __iter__(self) -> Iterator[Node]:
        yield from (self.value if isinstance(self.value, list) else ())


class YamlError(Exception):
    """A text that is not the YAML we take. Becomes a Problem at once."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column
