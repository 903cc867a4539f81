"""Readers of single values, each with GitLab's words for what is wrong. Pure.

`path` is where GitLab says that a value stands, such as `jobs:build:image`; messages are in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.model.duration import parse_duration
from shipline.model.variable import Variable

NESTING_LIMIT = 10


@dataclass(frozen=True)
class Reader:
    """Reads the values of one job (or of the global keys, with `job` None)."""

    problems: Problems
    job: str | None = None

    def wrong(self, node: Node, path: str, text: str, *, hint: str = "") -> None:
        self.problems.add(node, f"{path} {text}".lower(), job=self.job, hint=hint)

    def known_keys(
        self, node: Node, path: str, known: Iterable[str], unsupported: Iterable[str] = ()
    ) -> None:
        for key in node.value:
            if key in unsupported:
                self.problems.unsupported(node.key(key), f"{path}:{key}", self.job)
            elif key not in known:
                self.problems.unknown_key(node.key(key), path, key, known, self.job)

    def lines(self, node: Node | None, path: str) -> tuple[str, ...] | None:
        """A script: a text, or texts in lists up to ten levels deep."""
        if node is None or node.value is None:
            return None
        found: list[str] = []
        if isinstance(node.value, str):
            return (node.value,)
        if not isinstance(node.value, list) or not self._flatten(node, found, 0):
            text = "config should be a string or a nested array of strings up to 10 levels deep"
            hint = "quote a command that holds a colon and a blank" if _holds_hash(node) else ""
            self.wrong(node, path, text, hint=hint)
            return None
        return tuple(found)

    def _flatten(self, node: Node, found: list[str], depth: int) -> bool:
        for item in node:
            if isinstance(item.value, str):
                found.append(item.value)
            elif (
                not isinstance(item.value, list)
                or depth >= NESTING_LIMIT
                or not self._flatten(item, found, depth + 1)
            ):
                return False
        return True

    def text(self, node: Node, path: str) -> str | None:
        if isinstance(node.value, str):
            return node.value
        self.wrong(node, path, "config should be a string")
        return None

    def boolean(self, node: Node, path: str) -> bool:
        if isinstance(node.value, bool):
            return node.value
        self.wrong(node, path, "config should be a boolean value")
        return False

    def texts(
        self, node: Node, path: str, text: str = "config should be an array of strings"
    ) -> tuple[str, ...]:
        if isinstance(node.value, list) and all(isinstance(item.value, str) for item in node):
            return tuple(item.value for item in node)
        self.wrong(node, path, text)
        return ()

    def text_or_texts(self, node: Node, path: str) -> tuple[str, ...]:
        if isinstance(node.value, str):
            return (node.value,)
        return self.texts(node, path)

    def variables(self, node: Node | None, path: str, *, described: bool = False) -> tuple[Variable, ...]:
        """`described`: global variables, which may also have a description and options."""
        if node is None or node.value is None:
            return ()
        if not isinstance(node.value, dict):
            self.wrong(node, path, "config should be a hash")
            return ()
        found = []
        for key, item in node.value.items():
            variable = self._variable(key, item, path, described)
            if variable is not None:
                found.append(variable)
        return tuple(found)

    def _variable(self, key: str, item: Node, path: str, described: bool) -> Variable | None:
        if not isinstance(item.value, (dict, list)):
            return Variable(key, scalar_text(item.value))
        if isinstance(item.value, list):
            self.problems.add(item, "variable definition must be either a string or a hash", job=self.job)
            return None
        known = ("value", "expand", "description", "options") if described else ("value", "expand")
        for name in item.value:
            if name not in known:
                self.wrong(item.key(name), f"{path}:{key}", f"config uses invalid data keys: {name}")
        value = item.value.get("value")
        expand = item.value.get("expand")
        if value is not None and isinstance(value.value, (dict, list)):
            self.wrong(value, f"{path}:{key}", "config should be a string")
            return None
        raw = expand is not None and expand.value is False
        return Variable(key, scalar_text(value.value if value else None), raw=raw)

    def duration(self, node: Node, path: str, *, limit: int | None = None) -> int | None:
        """Seconds of a duration in words, at most `limit`. GitLab says both of what is none at all."""
        seconds = parse_duration(node.value) if isinstance(node.value, str) else None
        if not seconds:
            self.wrong(node, path, "should be a duration")
        if limit is not None and (not seconds or seconds > limit):
            self.wrong(node, path, "should not exceed the limit")
        return seconds or None


def scalar_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _holds_hash(node: Node) -> bool:
    return any(isinstance(item.value, dict) for item in node)
