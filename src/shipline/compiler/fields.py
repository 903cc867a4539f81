"""Readers of single values, each with GitLab's words for what is wrong. Pure.

`path` is where GitLab says that a value stands, such as `jobs:build:image`; messages are in lower case. What
is a node of its own in GitLab (`image`) has `PATH:image config should be ...`, what is an attribute of a node
(`when`) has `PATH when should be ...`. Several things may be wrong with one value, and all of them are said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.compiler.ruby import to_s
from shipline.model.duration import parse_duration

STRING = "should be a string"
BOOLEAN = "should be a boolean value"
STRINGS = "should be an array of strings"
STRINGS_OR_STRING = "should be an array of strings or a string"


@dataclass(frozen=True)
class Reader:
    """Reads the values of one job (or of the global keys, with `job` None). `notes` are of what GitLab takes
    without a word, though it has not the effect that it seems to have."""

    problems: Problems
    job: str | None = None
    limits: Limits = DEFAULT_LIMITS
    notes: Problems = field(default_factory=Problems)

    def wrong(self, node: Node, path: str, text: str, *, hint: str = "") -> None:
        self.problems.add(node, f"{path} {text}".lower(), job=self.job, hint=hint)

    def note(self, node: Node, text: str) -> None:
        self.notes.add(node, text, job=self.job, ours=True)

    def known_keys(
        self, node: Node, path: str, known: Collection[str], words: str = "contains unknown keys"
    ) -> None:
        unknown = [key for key in node.value if key not in known]
        if unknown:
            self.problems.unknown_keys(node, f"{path} config {words}", unknown, known, self.job)

    def exclusive(self, node: Node, path: str, keys: Collection[str]) -> None:
        """At most one of `keys`."""
        found = [key for key in node.value if key in keys]
        if len(found) > 1:
            self.wrong(
                node.key(found[1]), path, f"config these keys cannot be used together: {', '.join(found)}"
            )

    def is_hash(self, node: Node, path: str) -> bool:
        if isinstance(node.value, dict):
            return True
        self.wrong(node, path, "config should be a hash")
        return False

    def lines(self, node: Node | None, path: str) -> tuple[str, ...] | None:
        """A script: a text, or texts in lists up to ten levels deep."""
        if node is None or node.value is None:
            return None
        if isinstance(node.value, str):
            return (node.value,)
        found = self.nested_texts(node)
        if found is None:
            most = self.limits.nesting_levels
            text = f"config should be a string or a nested array of strings up to {most} levels deep"
            hint = "quote a command that holds a colon and a blank" if _holds_hash(node) else ""
            self.wrong(node, path, text, hint=hint)
        return found

    def nested_texts(self, node: Node) -> tuple[str, ...] | None:
        """Texts out of lists; None when there is anything else in them, or they go too deep."""
        if not isinstance(node.value, list):
            return None
        found: list[str] = []
        return tuple(found) if self._flatten(node, found, 0) else None

    def _flatten(self, node: Node, found: list[str], depth: int) -> bool:
        for item in node:
            if isinstance(item.value, str):
                found.append(item.value)
            elif (
                not isinstance(item.value, list)
                or depth >= self.limits.nesting_levels
                or not self._flatten(item, found, depth + 1)
            ):
                return False
        return True

    def _is_inner(self, node: Node, depth: int) -> bool:
        return isinstance(node.value, list) and depth < self.limits.nesting_levels

    def text(self, node: Node, path: str) -> str | None:
        if isinstance(node.value, str):
            return node.value
        self.wrong(node, path, f"config {STRING}")
        return None

    def boolean(self, node: Node, path: str) -> bool | None:
        if isinstance(node.value, bool):
            return node.value
        self.wrong(node, path, f"config {BOOLEAN}")
        return None

    def texts(self, node: Node, path: str, text: str = f"config {STRINGS}") -> tuple[str, ...]:
        if is_texts(node):
            return tuple(item.value for item in node)
        self.wrong(node, path, text)
        return ()

    def text_or_texts(
        self, node: Node, path: str, text: str = f"config {STRINGS_OR_STRING}"
    ) -> tuple[str, ...]:
        if isinstance(node.value, str):
            return (node.value,)
        return self.texts(node, path, text)

    def integers(self, node: Node, path: str) -> tuple[int, ...]:
        numbers = [item.value for item in node] if isinstance(node.value, list) else [node.value]
        if all(is_integer(number) for number in numbers):
            return tuple(numbers)
        self.wrong(node, path, "should be an array of integers or an integer")
        return ()

    def duration(self, node: Node, path: str, *, limit: int | None = None) -> int | None:
        """Seconds of a duration in words, at most `limit`. GitLab says both of what is none at all."""
        seconds = parse_duration(node.value) if isinstance(node.value, str) else None
        if not seconds:
            self.wrong(node, path, "should be a duration")
        if limit is not None and (not seconds or seconds > limit):
            self.wrong(node, path, "should not exceed the limit")
        return seconds or None

    def fields(self, node: Node, path: str, known: Collection[str]) -> Fields | None:
        """The attributes of a hash; None when it is no hash."""
        if not self.is_hash(node, path):
            return None
        self.known_keys(node, path, known)
        return Fields(self, node, path)


@dataclass(frozen=True, slots=True)
class Fields:
    """The attributes of one node. A key with null is as if it were not there."""

    reader: Reader
    node: Node
    path: str

    def given(self, key: str) -> Node | None:
        found: Node | None = self.node.value.get(key)
        return None if found is None or found.value is None else found

    def wrong(self, key: str, text: str, *, at: Node | None = None) -> None:
        place = at or self.node.value.get(key) or self.node
        self.reader.wrong(place, self.path, f"{words_of(key)} {text}")

    def text(self, key: str, message: str = STRING) -> str | None:
        item = self.given(key)
        if item is None or isinstance(item.value, str):
            return item.value if item is not None else None
        self.wrong(key, message)
        return None

    def required_text(self, key: str) -> str:
        item = self.given(key)
        if item is None or is_blank(item.value):
            self.wrong(key, "can't be blank")
        if item is None or not isinstance(item.value, str):
            self.wrong(key, STRING)
            return ""
        return item.value

    def boolean(self, key: str) -> bool | None:
        item = self.given(key)
        if item is None or isinstance(item.value, bool):
            return item.value if item is not None else None
        self.wrong(key, BOOLEAN)
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        item = self.given(key)
        if item is None:
            return ()
        return self.reader.texts(item, self.path, f"{words_of(key)} {STRINGS}")

    def text_or_texts(self, key: str) -> tuple[str, ...]:
        item = self.given(key)
        if item is None:
            return ()
        return self.reader.text_or_texts(item, self.path, f"{words_of(key)} {STRINGS_OR_STRING}")

    def integers(self, key: str) -> tuple[int, ...]:
        item = self.given(key)
        return self.reader.integers(item, f"{self.path} {words_of(key)}") if item is not None else ()

    def choice(self, key: str, options: Sequence[str], message: str = "") -> str | None:
        """One of a few words, which is also said to be a string when it is none."""
        item = self.given(key)
        if item is None:
            return None
        if not isinstance(item.value, str):
            self.wrong(key, STRING)
        if item.value in options:
            return str(item.value)
        self.wrong(key, message or f"should be one of: {', '.join(options)}")
        return None

    def duration(self, key: str, *, limit: int | None = None, besides: tuple[str, ...] = ()) -> str | None:
        """A duration, as it is written."""
        item = self.given(key)
        if item is None:
            return None
        if not isinstance(item.value, str) or item.value.lower() not in besides:
            self.reader.duration(item, f"{self.path} {words_of(key)}", limit=limit)
        return str(item.value)

    def hash(self, key: str) -> Node | None:
        item = self.given(key)
        if item is None or isinstance(item.value, dict):
            return item
        self.wrong(key, "should be a hash")
        return None


def words_of(key: str) -> str:
    """An attribute's name as Rails says it."""
    return key.replace("_", " ")


def is_blank(value: Any) -> bool:
    """As Rails means it: nothing, false, white space, or an empty list or hash."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is False or (isinstance(value, (list, dict)) and not value)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_texts(node: Node) -> bool:
    return isinstance(node.value, list) and all(isinstance(item.value, str) for item in node)


def plain(node: Node) -> Any:
    """The value without places, for the model: what JSON has."""
    return _as_json(node.plain())


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def flat(node: Node, levels: int = 1) -> list[Node]:
    """The items of a list, with those of lists in it."""
    if not any(isinstance(item.value, list) for item in node.value):
        return list(node.value)
    found: list[Node] = []
    for item in node:
        if isinstance(item.value, list) and levels > 0:
            found += flat(item, levels - 1)
        else:
            found.append(item)
    return found


def shown(values: Iterable[Any]) -> str:
    """Values in a message, as Ruby joins them."""
    return ", ".join(to_s(value) for value in values)


def _holds_hash(node: Node) -> bool:
    return any(isinstance(item.value, dict) for item in node)
