"""The header of a file, `spec`: which inputs it takes. Pure.

Messages are GitLab's, in lower case, and name where they stand: `header:spec:inputs:NAME ...`. As GitLab
does, a part with a fault of its own hides what is wrong below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shipline.compiler.input_rules import faults_of_rules, undefined_or_circular
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node

SPEC_KEYS = ("inputs", "include", "component", "description")
INPUT_KEYS = ("default", "description", "options", "regex", "type", "rules")
INPUT_TYPES = ("array", "boolean", "number", "string")
COMPONENT_VALUES = ("name", "sha", "version", "reference")


@dataclass(frozen=True, slots=True)
class Fault:
    """One message and the node that it is about."""

    message: str
    node: Node


@dataclass(frozen=True, slots=True)
class Header:
    """`component` are the names of the component's values that the file may use."""

    inputs: Mapping[str, Node] = field(default_factory=dict)
    include: Node | None = None
    component: tuple[str, ...] = ()


def read_header(node: Node, limits: Limits) -> Header | list[Fault]:
    """The header, or what is wrong with it."""
    unknown = [key for key in node.value if key != "spec"]
    if unknown:
        return [_fault(node.key(unknown[0]), "header", f"config contains unknown keys: {', '.join(unknown)}")]
    spec = node.value["spec"]
    if spec.value is None:
        return Header()
    if not isinstance(spec.value, dict):
        return [_fault(spec, "header:spec", "config should be a hash")]
    unknown = [key for key in spec.value if key not in SPEC_KEYS]
    if unknown:
        text = f"config contains unknown keys: {', '.join(unknown)}"
        return [_fault(spec.key(unknown[0]), "header:spec", text)]
    faults = [
        *_faults_of_inputs(spec.value.get("inputs"), limits),
        *_faults_of_component(spec.value.get("component")),
        *_faults_of_description(spec.value.get("description"), limits),
    ]
    if faults:
        return faults
    inputs = spec.value.get("inputs")
    component = spec.value.get("component")
    return Header(
        inputs=inputs.value if inputs is not None and inputs.value else {},
        include=spec.value.get("include"),
        component=tuple(component.plain()) if component is not None and component.value else (),
    )


def faults_of_input(name: str, node: Node, limits: Limits) -> list[Fault]:
    """What is wrong with one entry of `spec:inputs`, values aside."""
    path = f"header:spec:inputs:{name}"
    if node.value is None:
        return []
    if not isinstance(node.value, dict):
        return [_fault(node, path, "config should be a hash")]
    faults = [_fault(where, path, text) for where, text in _checks_of_input(node, limits)]
    rules = node.value.get("rules")
    if faults or rules is None:
        return faults
    return [Fault(text, where) for where, text in faults_of_rules(rules, f"{path}:rules", limits)]


def _checks_of_input(node: Node, limits: Limits) -> list[tuple[Node, str]]:
    found = node.value
    checks = []
    unknown = [key for key in found if key not in INPUT_KEYS]
    if unknown:
        checks.append((node.key(unknown[0]), f"config contains unknown keys: {', '.join(unknown)}"))
    for other in ("options", "default"):
        if "rules" in found and other in found:
            checks.append((node, f"config these keys cannot be used together: rules, {other}"))
    description, regex, kind, options = (
        _given(node, key) for key in ("description", "regex", "type", "options")
    )
    if description is not None and (
        isinstance(description.value, bool) or not isinstance(description.value, str | int)
    ):
        checks.append((description, "input description must be an alphanumeric string"))
    if regex is not None and not isinstance(regex.value, str):
        checks.append((regex, "input regex should be a string"))
    if kind is not None and kind.value not in INPUT_TYPES:
        checks.append((kind, f"input type unknown value: {kind.plain()}"))
    if options is not None and not isinstance(options.value, list):
        checks.append((options, "input options should be an array"))
    elif options is not None:
        if len(options.value) > limits.input_options:
            checks.append((options, f"config cannot define more than {limits.input_options} options"))
        if any(option.value is None for option in options):
            checks.append((options, "config options array cannot contain null values"))
    return checks


def _faults_of_inputs(node: Node | None, limits: Limits) -> list[Fault]:
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, dict):
        return [_fault(node, "header:spec:inputs", "config should be a hash")]
    faults = [fault for name, item in node.value.items() for fault in faults_of_input(name, item, limits)]
    if faults:
        return faults
    return [
        _fault(node.key(name), f"header:spec:inputs:{name}", text)
        for name, text in undefined_or_circular(node.value)
    ]


def _faults_of_component(node: Node | None) -> list[Fault]:
    if node is None or node.value is None:
        return []
    path = "header:spec:component"
    if not isinstance(node.value, list):
        return [_fault(node, path, "config should be an array")]
    if not all(isinstance(item.value, str) for item in node):
        return [_fault(node, path, "config should be an array of strings")]
    unknown = [item for item in node if item.value not in COMPONENT_VALUES]
    if unknown:
        names = ", ".join(item.value for item in unknown)
        return [_fault(unknown[0], path, f"config contains unknown values: {names}")]
    return []


def _faults_of_description(node: Node | None, limits: Limits) -> list[Fault]:
    if node is None or node.value is None:
        return []
    path = "header:spec:description"
    if not isinstance(node.value, str):
        return [_fault(node, path, "config should be a string")]
    if len(node.value) > limits.input_description:
        return [_fault(node, path, f"config is too long (maximum is {limits.input_description} characters)")]
    return []


def _given(node: Node, key: str) -> Node | None:
    found: Node | None = node.value.get(key)
    return None if found is None or found.value is None else found


def _fault(node: Node, path: str, text: str) -> Fault:
    return Fault(f"{path} {text}".lower(), node)
