"""YAML with the place of every value, loaded by libyaml in bounded time and memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

TEXT_LIMIT = 2 * 1024 * 1024
DEPTH_LIMIT = 100
# Aliases count each time they are used: a small text can stand for a huge tree.
NODE_LIMIT = 1_000_000


class Reference(tuple[str, ...]):
    """A `!reference [job, key, ...]`, before it is resolved."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Node:
    """`value` is a dict[str, Node], a list[Node], a Reference, or a str, int, float, bool or None."""

    value: Any
    file: str
    line: int
    column: int
    # Where each key of a mapping stands.
    keys: dict[str, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    def key(self, name: str) -> Node:
        """The place of a key, as a node, for messages about the key itself."""
        line, column = self.keys.get(name, (self.line, self.column))
        return Node(name, self.file, line, column)

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


def load(file: str, text: str | bytes) -> Node:
    """The first document of `text` as a tree. Raises YamlError."""
    if len(text) > TEXT_LIMIT:
        raise YamlError("The provided YAML is too big")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise YamlError(f"The file is not UTF-8 text: {error.reason} at byte {error.start}") from error
    # CI/CD files may consist of several documents; without a `spec` header the first is the configuration.
    text = _first_document(text)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        words = f"(<unknown>): {error.problem or error.context or 'invalid YAML'}"
        if mark is None:
            raise YamlError(words) from error
        at = f" at line {mark.line + 1} column {mark.column + 1}"
        raise YamlError(words + at, mark.line + 1, mark.column + 1) from error
    except yaml.YAMLError as error:
        raise YamlError(f"(<unknown>): {error}") from error
    if root is None:
        raise YamlError("Please provide content of .gitlab-ci.yml")
    return _Converter(file).convert(root, 0)


_SEPARATOR = re.compile(r"^---\s", re.MULTILINE)


def _first_document(text: str) -> str:
    parts = [match.start() for match in _SEPARATOR.finditer(text)]
    if parts and not text[: parts[0]].strip():
        parts = parts[1:]
    return text[: parts[0]] if parts else text


_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)")
_SEXAGESIMAL = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class _Converter:
    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0
        # An anchor's tree is converted once and shared by its aliases; its size is counted each time.
        self.done: dict[int, tuple[Node, int]] = {}
        self.open: set[int] = set()

    def convert(self, node: yaml.Node, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            raise YamlError("The parsed YAML is too big", node.start_mark.line + 1, 1)
        known = self.done.get(id(node))
        if known is not None:
            self._count(known[1])
            return known[0]
        if id(node) in self.open:
            raise YamlError("An alias refers to itself", node.start_mark.line + 1, node.start_mark.column + 1)
        self.open.add(id(node))
        before = self.count
        self._count(1)
        converted = self._convert(node, depth)
        self.open.discard(id(node))
        self.done[id(node)] = (converted, self.count - before)
        return converted

    def _count(self, more: int) -> None:
        self.count += more
        if self.count > NODE_LIMIT:
            raise YamlError("The parsed YAML is too big")

    def _convert(self, node: yaml.Node, depth: int) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if isinstance(node, yaml.MappingNode):
            values, keys = self._mapping(node, depth)
            return Node(values, self.file, line, column, keys)
        if isinstance(node, yaml.SequenceNode):
            items = [self.convert(item, depth + 1) for item in node.value]
            if node.tag == "!reference":
                return Node(Reference(str(item.value) for item in items), self.file, line, column)
            return Node(items, self.file, line, column)
        assert isinstance(node, yaml.ScalarNode)
        return Node(self._scalar(node), self.file, line, column)

    def _mapping(
        self, node: yaml.MappingNode, depth: int
    ) -> tuple[dict[str, Node], dict[str, tuple[int, int]]]:
        values: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                source = self.convert(value_node, depth + 1)
                merged += source.value if isinstance(source.value, list) else [source]
                continue
            key = self._key(key_node)
            values[key] = self.convert(value_node, depth + 1)
            keys[key] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        for source in merged:
            if isinstance(source.value, dict):
                for key, value in source.value.items():
                    if key not in values:
                        values[key] = value
                        keys[key] = source.keys.get(key, (source.line, source.column))
        return values, keys

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise YamlError("A key must be a text", node.start_mark.line + 1, node.start_mark.column + 1)
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.style in ("'", '"', "|", ">"):
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if (boolean := _BOOLEANS.get(text.lower())) is not None and text in (
            text.lower(),
            text.upper(),
            text.capitalize(),
        ):
            return boolean
        if _INTEGER.fullmatch(text):
            return _integer(text.replace("_", ""))
        if _SEXAGESIMAL.fullmatch(text):
            total = 0
            for part in text.replace("_", "").lstrip("+-").split(":"):
                total = total * 60 + int(part)
            return -total if text.startswith("-") else total
        if node.tag == "tag:yaml.org,2002:float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
        if node.tag == "tag:yaml.org,2002:timestamp":
            kind = "Date" if _DATE.fullmatch(text) else "Time"
            raise YamlError(
                f"Tried to load unspecified class: {kind}",
                node.start_mark.line + 1,
                node.start_mark.column + 1,
            )
        return text


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits.startswith("0b"):
        return sign * int(digits[2:], 2)
    if digits.startswith("0x"):
        return sign * int(digits[2:], 16)
    if digits.startswith("0") and len(digits) > 1:
        return sign * int(digits, 8)
    return sign * int(digits)
