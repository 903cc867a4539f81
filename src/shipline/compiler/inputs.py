"""Values of inputs: given ones and defaults, against what `spec:inputs` says of them. Pure.

Values here are plain ones (`Node.plain`). Messages are GitLab's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shipline.compiler.expression import compiled
from shipline.compiler.header import INPUT_TYPES
from shipline.compiler.input_rules import matching_rule
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.ruby import to_s

NOT_DEFINED = "Given inputs not defined in the `spec` section of the included configuration file"
NOT_A_HASH = "Given inputs must be a hash"
_ARTICLES = {"array": "an array", "boolean": "a boolean", "number": "a number"}


@dataclass
class Resolution:
    """The inputs' values, or what is wrong; each message with the input that it is about."""

    values: dict[str, Any] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


def resolve_inputs(specs: Mapping[str, Node], given: Mapping[str, Any], limits: Limits) -> Resolution:
    """`specs` are the entries of a header without faults."""
    found = Resolution()
    unknown = [name for name in given if name not in specs]
    if unknown:
        found.faults.append((unknown[0], f"unknown input arguments: {', '.join(unknown)}"))
    for name, spec in specs.items():
        if _type(spec) not in INPUT_TYPES:
            valid = ", ".join(INPUT_TYPES)
            text = f"unknown input specification for `{name}` (valid types: {valid})"
            found.faults.append((name, text))
    for name, spec in specs.items():
        if _type(spec) in INPUT_TYPES:
            known = {**given, **found.values}
            one = _Input(spec, known, limits)
            found.faults += [(name, f"`{name}` input: {text}") for text in one.faults(given.get(name))]
            found.values[name] = one.value(given.get(name))
    return found


def _type(spec: Node) -> Any:
    if not isinstance(spec.value, dict) or "type" not in spec.value:
        return "string"
    return spec.value["type"].plain()


class _Input:
    """One input, with its rules decided by the inputs before it."""

    def __init__(self, spec: Node, known: Mapping[str, Any], limits: Limits) -> None:
        self.type = _type(spec)
        entry: Mapping[str, Node] = spec.value or {}
        rules = entry.get("rules")
        has_rules = rules is not None and isinstance(rules.value, list)
        rule = matching_rule(spec, known, limits) if has_rules else entry
        self.default = rule["default"].plain() if "default" in rule else None
        self.options = rule["options"].plain() if "options" in rule else None
        self.required = "default" not in entry
        if rules is not None and has_rules:
            self.required = not any("default" in one.value or "if" not in one.value for one in rules)
        self.has_regex = "regex" in entry
        self.regex = entry["regex"].value if self.has_regex else None

    def value(self, given: Any) -> Any:
        return self._read(self.default if given is None else given)

    def faults(self, given: Any) -> list[str]:
        if self.required and given is None:
            return ["required value has not been provided"]
        found = []
        if not self.required:
            found += self._check(self._read(self.default), "default")
        if given is not None:
            found += self._check(self._read(given), "provided")
        return found

    def _read(self, value: Any) -> Any:
        """Text inputs make a text of everything; the others read a text as JSON."""
        if self.type == "string":
            return to_s(value)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value, parse_constant=lambda _: value)
        except (ValueError, RecursionError):
            return value

    def _check(self, value: Any, which: str) -> list[str]:
        found = []
        if not self._has_type(value):
            found.append(f"{which} value is not {_ARTICLES[self.type]}")
        found += self._check_options(value)
        if self.has_regex:
            found += self._check_regex(value, which)
        return found

    def _has_type(self, value: Any) -> bool:
        if self.type == "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, {"string": str, "boolean": bool, "array": list}[self.type])

    def _check_options(self, value: Any) -> list[str]:
        if self.options is None or not isinstance(self.options, list):
            return []
        if self.type not in ("string", "number"):
            return ["Options can only be used with string and number inputs"]
        if value is None or value is False:
            return []
        if self.type == "string":
            allowed = value in [to_s(option) for option in self.options]
            words = "in the list of allowed options"
        else:
            allowed = any(value == option and not isinstance(option, bool) for option in self.options)
            words = "in the list of the allowed options"
        return [] if allowed else [f"`{to_s(value)}` cannot be used because it is not {words}"]

    def _check_regex(self, value: Any, which: str) -> list[str]:
        if self.type != "string":
            return ["RegEx validation can only be used with string inputs"]
        pattern = compiled(self.regex) if isinstance(self.regex, str) else None
        if pattern is None:
            return ["invalid regular expression"]
        if pattern.search(value) is None:
            return [f"{which} value does not match required RegEx pattern"]
        return []
