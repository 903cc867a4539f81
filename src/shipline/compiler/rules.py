"""`rules`, of jobs, workflows and includes: read, and the first that holds found. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from shipline.compiler.expression import Expression, ExpressionError, parse
from shipline.compiler.facts import PushFacts, RuleError
from shipline.compiler.fields import Fields, Reader, flat, is_texts
from shipline.compiler.globs import any_exists, any_match
from shipline.compiler.keywords.needs import OF_RULE, WrittenNeeds, read_needs
from shipline.compiler.keywords.variables import NO_DATA, read_variables
from shipline.compiler.keywords.workflow import read_auto_cancel
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.ruby import to_s
from shipline.compiler.values import nested
from shipline.model.definition import AutoCancel, When
from shipline.model.expansion import expand
from shipline.model.variable import Variable

JOB_WHENS = ("on_success", "on_failure", "always", "never", "manual", "delayed")
JOB_KEYS = (
    "if", "changes", "exists", "when", "start_in", "allow_failure", "variables", "needs", "interruptible",
)  # fmt: skip
WORKFLOW_WHENS = ("always", "never")
# GitLab takes these, and does nothing with them.
WITHOUT_EFFECT = ("start_in", "allow_failure", "needs")
WORKFLOW_KEYS = (
    "if", "changes", "exists", "when", "variables", "auto_cancel", *WITHOUT_EFFECT,
)  # fmt: skip
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    paths: tuple[str, ...]
    compare_to: str | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    paths: tuple[str, ...]
    project: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, read; None means that the key is not there."""

    node: Node = field(compare=False, repr=False)
    condition: Expression | None = None
    changes: Changes | None = None
    exists: Exists | None = None
    when: When | None = None
    start_in: int | None = None
    allow_failure: bool | None = None
    variables: tuple[Variable, ...] = ()
    interruptible: bool | None = None
    needs: WrittenNeeds | None = None
    auto_cancel: AutoCancel | None = None


def read_rules(
    reader: Reader, node: Node | None, path: str, *, workflow: bool = False
) -> tuple[Rule, ...] | None:
    """All rules, or None where there are none. `path` ends in `:rules`."""
    if node is None or node.value is None:
        return None
    if isinstance(node.value, (list, dict, str)) and not node.value:
        reader.wrong(node, path, "config can't be blank")
    entries = flat(node, reader.limits.nesting_levels) if isinstance(node.value, list) else [node]
    if not isinstance(node.value, list) or any(not isinstance(entry.value, dict) for entry in entries):
        owner = f"{path} config" if workflow else f"{path.removesuffix(':rules')} rules"
        reader.wrong(node, owner, "should be an array containing hashes and arrays of hashes")
        return None
    rules = tuple(_rule(reader, entry, f"{path}:rule", workflow) for entry in entries)
    _note_unreachable(reader, rules, path)
    return rules


def _note_unreachable(reader: Reader, rules: tuple[Rule, ...], path: str) -> None:
    for rule, after in pairwise(rules):
        if not any(key in rule.node.value for key in ("if", "changes", "exists")):
            reader.note(after.node, f"{path} here and below never match: the rule before always does")
            return


def _rule(reader: Reader, node: Node, path: str, workflow: bool) -> Rule:
    if not node.value:
        reader.wrong(node, path, "config can't be blank")
    reader.known_keys(node, path, WORKFLOW_KEYS if workflow else JOB_KEYS)
    fields = Fields(reader, node, path)
    for key in WITHOUT_EFFECT if workflow else ():
        if fields.given(key) is not None:
            reader.note(node.key(key), f"{path}:{key} has no effect in workflow rules")
    when = _when(fields, WORKFLOW_WHENS if workflow else JOB_WHENS)
    needs, auto_cancel = fields.given("needs"), fields.given("auto_cancel")
    return Rule(
        node=node,
        condition=_condition(fields),
        changes=_changes(reader, fields.given("changes"), f"{path}:changes"),
        exists=_exists(reader, fields.given("exists"), f"{path}:exists"),
        when=When(when) if when is not None else None,
        start_in=_start_in(fields, when),
        allow_failure=fields.boolean("allow_failure"),
        variables=read_variables(reader, fields.given("variables"), f"{path}:variables", NO_DATA),
        interruptible=fields.boolean("interruptible"),
        needs=read_needs(reader, needs, f"{path}:needs", OF_RULE) if needs is not None else None,
        auto_cancel=read_auto_cancel(reader, auto_cancel, f"{path}:auto_cancel")
        if auto_cancel is not None and workflow
        else None,
    )


def _when(fields: Fields, allowed: tuple[str, ...]) -> str | None:
    item = fields.given("when")
    if item is None:
        return None
    if to_s(item.plain()) not in allowed:
        fields.wrong("when", f"unknown value: {to_s(item.plain())}")
        return None
    return str(item.value)


def _start_in(fields: Fields, when: str | None) -> int | None:
    if when != When.DELAYED:
        if "start_in" in fields.node.value:
            place = fields.node.key("start_in")
            fields.reader.wrong(place, fields.path, "config contains disallowed keys: start_in")
        return None
    item = fields.given("start_in")
    if item is None:
        fields.wrong("start_in", "can't be blank", at=fields.node.key("when"))
    limit = fields.reader.limits.start_in_seconds
    return fields.reader.duration(item or fields.node.key("when"), f"{fields.path} start in", limit=limit)


def _condition(fields: Fields) -> Expression | None:
    item = fields.given("if")
    if item is None:
        return None
    try:
        if not isinstance(item.value, str):
            raise ExpressionError
        return parse(item.value, fields.reader.limits.expression_tokens)
    except ExpressionError:
        fields.wrong("if", "invalid expression syntax")
        return None


def _changes(reader: Reader, node: Node | None, path: str) -> Changes | None:
    if node is None:
        return None
    if isinstance(node.value, list):
        return Changes(_paths(reader, node, path, "config"))
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "should be an array or a hash")
        return None
    reader.known_keys(node, path, ("paths", "compare_to"))
    if "paths" not in node.value:
        reader.wrong(node, path, "config missing required keys: paths")
    paths = node.value.get("paths", node)
    return Changes(_paths(reader, paths, path, "paths"), Fields(reader, node, path).text("compare_to"))


def _exists(reader: Reader, node: Node | None, path: str) -> Exists | None:
    if node is None:
        return None
    if isinstance(node.value, str):
        return Exists((node.value,))
    if isinstance(node.value, list):
        return Exists(_paths(reader, node, path, "config"))
    if node.value is False or node.value == {}:
        return Exists(())
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "should be a string, an array of strings, or a hash")
        return None
    reader.known_keys(node, path, ("paths", "project", "ref"))
    if "paths" not in node.value:
        reader.wrong(node, path, "config missing required keys: paths")
    fields = Fields(reader, node, path)
    if fields.given("ref") is not None and "project" not in node.value:
        reader.wrong(node, path, "config missing required keys: project")
    paths = fields.given("paths")
    return Exists(
        _paths(reader, paths, path, "paths") if paths is not None else (),
        fields.text("project"),
        fields.text("ref"),
    )


def _paths(reader: Reader, node: Node, path: str, attribute: str) -> tuple[str, ...]:
    limit = reader.limits.rule_patterns
    if isinstance(node.value, (list, dict, str)) and len(node.value) > limit:
        reader.wrong(node, path, f"{attribute} has too many entries (maximum {limit})")
    if not is_texts(node):
        reader.wrong(node, path, f"{attribute} should be an array of strings")
        return ()
    return tuple(item.value for item in node)


def first_match(rules: tuple[Rule, ...], values: Values, facts: PushFacts, limits: Limits) -> Rule | None:
    """The first rule that holds. Raises RuleError when one cannot be told."""
    return next((rule for rule in rules if holds(rule, values, facts, limits)), None)


def holds(rule: Rule, values: Values, facts: PushFacts, limits: Limits) -> bool:
    """All of if, changes and exists that the rule has."""
    if rule.condition is not None and not rule.condition.evaluate(values.get):
        return False
    if rule.changes is not None and not changed(rule.changes, values, facts, limits):
        return False
    return rule.exists is None or _existing(rule.exists, values, facts, limits)


def changed(changes: Changes, values: Values, facts: PushFacts, limits: Limits) -> bool:
    value_of = nested(values)
    paths = facts.changed_paths
    if changes.compare_to is not None:
        paths = facts.changed_since(expand(changes.compare_to, value_of, keep_unknown=True))
    # Where no diff is known, such as on a new branch or in a schedule, everything counts as changed.
    return paths is None or any_match(_expanded(changes.paths, value_of), paths, limits)


def _existing(exists: Exists, values: Values, facts: PushFacts, limits: Limits) -> bool:
    if not exists.paths:
        return False
    value_of = nested(values)
    if exists.project is None:
        paths = facts.tracked_paths()
    else:
        ref = expand(exists.ref, value_of, keep_unknown=True) if exists.ref is not None else None
        paths = facts.tracked_in(expand(exists.project, value_of, keep_unknown=True), ref)
    return any_exists(_expanded(exists.paths, value_of), paths, limits)


def _expanded(patterns: tuple[str, ...], value_of: Callable[[str], str | None]) -> list[str]:
    return [
        expand(pattern, value_of, keep_unknown=True) if "$" in pattern or "%" in pattern else pattern
        for pattern in patterns
    ]


__all__ = ["Changes", "Exists", "Rule", "RuleError", "changed", "first_match", "holds", "read_rules"]
