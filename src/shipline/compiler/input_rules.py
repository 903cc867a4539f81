"""`spec:inputs:rules`: options and a default that depend on other inputs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from shipline.compiler.expression import Expression, ExpressionError, parse
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.ruby import to_s

RULE_KEYS = ("if", "options", "default")
_INPUT = re.compile(r"\$\[\[\s*inputs\.([\w-]+)\s*\]\]")
_TEXTS = re.compile(r"\"[^\"]*\"|'[^']*'")
# Stands for an input in an expression; a name of which no variable is told apart from it.
_STAND_IN = "SHIPLINE_INPUT_"


def faults_of_rules(rules: Node, path: str, limits: Limits) -> list[tuple[Node, str]]:
    """What is wrong with the rules of one input."""
    if not isinstance(rules.value, list):
        return [(rules, f"{path} config should be an array".lower())]
    return [(where, f"{path}:rule {text}".lower()) for rule in rules for where, text in _checks(rule, limits)]


def _checks(rule: Node, limits: Limits) -> list[tuple[Node, str]]:
    if rule.value in (None, {}, [], ""):
        return [(rule, "config can't be blank")]
    if not isinstance(rule.value, dict):
        return [(rule, "config should be a hash")]
    checks = []
    unknown = [key for key in rule.value if key not in RULE_KEYS]
    if unknown:
        checks.append((rule.key(unknown[0]), f"config contains unknown keys: {', '.join(unknown)}"))
    condition, options = _given(rule, "if"), _given(rule, "options")
    if condition is not None and not isinstance(condition.value, str):
        checks.append((condition, "if should be a string"))
    elif condition is not None and _expression(condition.value, limits) is None:
        checks.append((condition, "if invalid expression syntax"))
    if options is not None and not isinstance(options.value, list):
        checks.append((options, "options should be an array"))
    if checks:
        return checks
    if options is not None and len(options.value) > limits.input_options:
        checks.append((options, f"config cannot define more than {limits.input_options} options"))
    if condition is not None and options is None and "default" not in rule.value:
        checks.append((rule, "config rule with 'if' must define 'options' or 'default'"))
    if condition is None and options is None:
        checks.append((rule, "config fallback rule must define 'options'"))
    return checks


def _given(node: Node, key: str) -> Node | None:
    found: Node | None = node.value.get(key)
    return None if found is None or found.value is None else found


def undefined_or_circular(inputs: Mapping[str, Node]) -> list[tuple[str, str]]:
    """Inputs whose rules look at what is not there, or go round in a circle."""
    found = []
    graph: dict[str, list[str]] = {}
    for name, node in inputs.items():
        graph[name] = []
        for index, rule in enumerate(_rules(node)):
            names = _names(rule)
            graph[name] += [other for other in names if other in inputs]
            missing = [other for other in names if other not in inputs]
            if missing:
                found.append(
                    (name, f"config rule[{index}] references undefined inputs: {', '.join(missing)}")
                )
    if _has_circle(graph):
        found.append((next(iter(inputs)), "config circular dependency detected"))
    return found


def matching_rule(node: Node, values: Mapping[str, Any], limits: Limits) -> Mapping[str, Node]:
    """The first rule that holds, for the inputs known so far; empty where none does."""
    for rule in _rules(node):
        condition = _given(rule, "if")
        if condition is None or _holds(condition.value, values, limits):
            found: Mapping[str, Node] = rule.value
            return found
    return {}


def _holds(text: str, values: Mapping[str, Any], limits: Limits) -> bool:
    expression = _expression(text, limits)
    if expression is None:
        return False
    names = _INPUT.findall(_TEXTS.sub("", text))

    def value_of(name: str) -> str | None:
        if not name.startswith(_STAND_IN):
            return None
        value = values.get(names[int(name.removeprefix(_STAND_IN))])
        return None if value is None else to_s(value)

    return expression.evaluate(value_of)


def _expression(text: str, limits: Limits) -> Expression | None:
    """Inputs stand in an expression where variables do."""
    made, position, number = "", 0, 0
    for match in re.finditer(f"{_TEXTS.pattern}|{_INPUT.pattern}", text):
        made += text[position : match.start()]
        if match[1] is None:
            made += match[0]
        else:
            made += f"${_STAND_IN}{number}"
            number += 1
        position = match.end()
    try:
        return parse(made + text[position:], limits.expression_tokens)
    except ExpressionError:
        return None


def _rules(node: Node) -> list[Node]:
    rules = node.value.get("rules") if isinstance(node.value, dict) else None
    return [rule for rule in rules or () if isinstance(rule.value, dict)]


def _names(rule: Node) -> list[str]:
    condition = _given(rule, "if")
    if condition is None or not isinstance(condition.value, str):
        return []
    return list(dict.fromkeys(_INPUT.findall(_TEXTS.sub("", condition.value))))


def _has_circle(graph: Mapping[str, list[str]]) -> bool:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False
