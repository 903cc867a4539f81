"""One document to a tree of nodes: libyaml's events, read as Ruby's Psych reads them. Pure.

Nodes are made straight from the events: what PyYAML has for that (its composer and its resolver, which are
written in Python) takes four times as long. Time and memory are bounded whatever the text is: events come
one by one, nesting ends at a depth, and what aliases stand for is counted each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml import AliasEvent, CLoader, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent

from shipline.compiler.limits import Limits
from shipline.compiler.nodes import NO_KEYS, Node, Place, Reference, YamlError
from shipline.compiler.ruby import inspect, to_s
from shipline.compiler.scalars import ForbiddenClass, Symbol, read_scalar
from shipline.compiler.sizes import Sizes

TOO_BIG = "The parsed YAML is too big"
_TEXT_TAGS = ("!str", "tag:yaml.org,2002:str")
_RUBY_CLASS = re.compile(
    r"!ruby/(?:object|struct|exception|hash|array|class|module)(?::(?P<name>.+))?|!ruby/(?P<kind>regexp|range)"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One document's text; its first sign stands at `line`, `column` of the file, both from 0."""

    text: str
    line: int
    column: int

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Of a mark in the document, the place in the file, from 1."""
        return line + self.line + 1, (column + self.column if line == 0 else column) + 1


class _Open:
    """A mapping that is still being read, as far as it has come; of a sequence only that it is open."""

    __slots__ = ("keys", "odd_keys", "value")

    def __init__(self) -> None:
        self.value: dict[str, Node] | None = None
        self.keys: dict[str, Place] = {}
        self.odd_keys: Mapping[str, Any] = NO_KEYS


class Loader:
    """Loads one document."""

    def __init__(self, file: str, part: Part, limits: Limits) -> None:
        self.file = file
        self.part = part
        self.first_line, self.first_column = part.place(0, 0)
        self.limits = limits
        self.anchors: dict[str, Node | _Open] = {}
        # Most scalars of a large file are the same few words.
        self.scalars: dict[str, Any] = {}
        self.sizes = Sizes()
        self.repeated = 0

    def load(self) -> Node | None:
        """None where there is not even a null. Raises YamlError."""
        parser: Any = CLoader(self.part.text)
        self.next_event = parser.get_event
        try:
            self.next_event()
            if type(self.next_event()) is yaml.StreamEndEvent:
                return None
            root = self._node(self.next_event(), 1)
            # What follows the document is not read, but its end is: some faults show only there.
            self.next_event()
        except yaml.reader.ReaderError as error:
            raise self._unreadable(error) from error
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from error
        except YamlError as error:
            raise self._fault_of_syntax() or error from error
        finally:
            parser.dispose()
        return root

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        mark = event.start_mark
        line, column = self.part.place(mark.line, mark.column)
        if kind is ScalarEvent:
            node = Node(self._scalar(event, line, column), self.file, line, column)
            if event.anchor is not None:
                self.anchors[event.anchor] = node
            return node
        if kind is AliasEvent:
            return self._alias(event.anchor, depth, line, column)
        if depth > self.limits.depth:
            raise YamlError(TOO_BIG, line, column)
        tag = event.tag
        if tag is not None and tag.startswith("!ruby/"):
            self._check_tag(tag, line, column)
        anchor = event.anchor
        place = None
        if anchor is not None:
            place = self.anchors[anchor] = _Open()
        if kind is MappingStartEvent:
            node = self._mapping(place, depth, line, column)
        else:
            node = Node(self._items(depth), self.file, line, column)
        if tag == "!reference":
            node = node.holding(_reference(node.plain()))
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def _plain_scalar(self, event: Any) -> Node:
        """A scalar as nearly all are, without tag and anchor. This is where the time goes."""
        mark = event.start_mark
        line = mark.line
        column = mark.column + 1 if line else mark.column + self.first_column
        text = event.value
        if event.implicit[0]:
            known = self.scalars
            value = known[text] if text in known else self._scalar(event, line + self.first_line, column)
            return Node(value, self.file, line + self.first_line, column)
        return Node(text, self.file, line + self.first_line, column)

    def _items(self, depth: int) -> list[Node]:
        items = []
        next_event, node, scalar = self.next_event, self._node, self._plain_scalar
        while (kind := type(event := next_event())) is not SequenceEndEvent:
            if kind is ScalarEvent and event.tag is None and event.anchor is None:
                items.append(scalar(event))
            else:
                items.append(node(event, depth + 1))
        return items

    def _mapping(self, place: _Open | None, depth: int, line: int, column: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        if place is not None:
            place.value, place.keys = values, keys
        next_event, node, scalar = self.next_event, self._node, self._plain_scalar
        while (kind := type(event := next_event())) is not MappingEndEvent:
            plain = kind is ScalarEvent and event.tag is None and event.anchor is None
            named = scalar(event) if plain else node(event, depth + 1)
            key = named.value
            event_of_value = next_event()
            if type(key) is not str or key == "<<":
                place = place or _mapping_so_far(values, keys)
                if key == "<<" and (plain or event.tag != "tag:yaml.org,2002:str"):
                    self._merge(place, event_of_value, depth, (named.line, named.column))
                    continue
                key = _key(place, named.plain())
            if type(event_of_value) is ScalarEvent and event_of_value.tag is event_of_value.anchor is None:
                values[key] = scalar(event_of_value)
            else:
                values[key] = node(event_of_value, depth + 1)
            keys[key] = (named.line, named.column)
        return Node(values, self.file, line, column, keys, NO_KEYS if place is None else place.odd_keys)

    def _merge(self, place: _Open, event: Any, depth: int, at: Place) -> None:
        """`<<`: a mapping's keys go where `<<` stands, over those before it and under those after it. Of a
        list of mappings the first one wins. Anything else is a key of that name."""
        assert place.value is not None
        by_alias = type(event) is AliasEvent
        source: Any = self.anchors.get(event.anchor) if by_alias else None
        if not isinstance(source, _Open):
            # The keys of a mapping come to stand one level higher than it does itself.
            source = self._node(event, depth if by_alias else depth + 1)
        sources: list[Any] = [source]
        if not by_alias and isinstance(source.value, list):
            sources = list(reversed(source.value))
        if not all(isinstance(one.value, dict) for one in sources):
            place.value["<<"] = source if isinstance(source, Node) else self._alias(event.anchor, depth, *at)
            place.keys["<<"] = at
            return
        for one in sources:
            place.value.update(one.value)
            place.keys.update({key: one.keys.get(key, at) for key in one.value})
            if one.odd_keys:
                place.odd_keys = {**place.odd_keys, **one.odd_keys}

    def _alias(self, name: str, depth: int, line: int, column: int) -> Node:
        node = self.anchors.get(name)
        if node is None:
            raise YamlError(f"An alias referenced an unknown anchor: {name}", line, column)
        if isinstance(node, _Open):
            # A tree that holds itself has no end.
            raise YamlError(TOO_BIG, line, column)
        size, height = self.sizes.of(node)
        self.repeated += size
        if self.repeated > self.limits.repeated_bytes or depth - 1 + height > self.limits.depth:
            raise YamlError(TOO_BIG, line, column)
        return node

    def _scalar(self, event: Any, line: int, column: int) -> Any:
        text: str = event.value
        tag = event.tag
        if tag is None:
            # Quoted ones and blocks are texts.
            if not event.implicit[0]:
                return text
            try:
                return self.scalars[text]
            except KeyError:
                pass
        elif tag == "!reference":
            return Reference((), f"!reference {inspect(text)}")
        elif tag in _TEXT_TAGS or event.style in ("'", '"'):
            return text
        elif tag.startswith("!ruby/"):
            self._check_tag(tag, line, column)
        try:
            value = self.scalars[text] = read_scalar(text)
        except ForbiddenClass as error:
            raise YamlError(str(error), line, column) from error
        return value

    def _check_tag(self, tag: str, line: int, column: int) -> None:
        """Tags that make Ruby objects are refused; all others are ignored."""
        match = _RUBY_CLASS.match(tag)
        if match is not None and (match["name"] or match["kind"]):
            name = match["name"] or match["kind"].capitalize()
            raise YamlError(f"Tried to load unspecified class: {name}", line, column)

    def _fault_of_syntax(self) -> YamlError | None:
        """Psych reads the whole document before it looks at what it says."""
        try:
            while type(self.next_event()) is not yaml.DocumentEndEvent:
                pass
        except yaml.reader.ReaderError as error:
            return self._unreadable(error)
        except yaml.MarkedYAMLError as error:
            return self._syntax_error(error)
        return None

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> YamlError:
        """In Psych's words: what is wrong, in what, and where that began, counted in the document."""
        words = " ".join(part for part in (error.problem, error.context) if part)
        began = error.context_mark
        if began is None and isinstance(error, yaml.scanner.ScannerError):
            began = error.problem_mark
        line, column = (began.line + 1, began.column + 1) if began else (1, 1)
        mark = error.problem_mark or began
        place = self.part.place(mark.line, mark.column) if mark else self.part.place(0, 0)
        return YamlError(f"(<unknown>): {words} at line {line} column {column}", *place)

    def _unreadable(self, error: yaml.reader.ReaderError) -> YamlError:
        """Characters that YAML forbids. Psych names no place for them."""
        before = self.part.text.encode()[: max(error.position, 0)]
        line = before.count(b"\n")
        column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace"))
        return YamlError(f"(<unknown>): {error.reason} at line 1 column 1", *self.part.place(line, column))


def _mapping_so_far(values: dict[str, Node], keys: dict[str, Place]) -> _Open:
    place = _Open()
    place.value, place.keys = values, keys
    return place


def _key(place: _Open, key: Any) -> str:
    """A symbol is what GitLab makes of every text that is a key; all else stays what it is."""
    text = to_s(key)
    if not isinstance(key, (str, Symbol)):
        place.odd_keys = {**place.odd_keys, text: key}
    return text


def _reference(plain: Any) -> Reference:
    valid = isinstance(plain, list) and plain and all(isinstance(item, str) for item in plain)
    return Reference(tuple(plain) if valid else (), f"!reference {inspect(plain)}")
