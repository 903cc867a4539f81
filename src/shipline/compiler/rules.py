"""`rules`, `only` and `except`: is the job in this pipeline, and how. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shipline.compiler.expression import ExpressionError, compiled, parse, to_pattern
from shipline.compiler.facts import PushFacts
from shipline.compiler.fields import Reader
from shipline.compiler.globs import any_match
from shipline.compiler.nodes import Node
from shipline.model.definition import When
from shipline.model.expansion import expand
from shipline.model.variable import Variable

PATTERN_LIMIT = 50
WEEK = 7 * 86400
RULE_WHENS = ("on_success", "on_failure", "always", "never", "manual", "delayed")
RULE_KEYS = ("if", "changes", "exists", "when", "start_in", "allow_failure", "variables", "interruptible")
WORKFLOW_RULE_KEYS = ("if", "changes", "exists", "when", "variables")
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, read; None means that the key is not there."""

    condition: str | None = None
    changes: tuple[str, ...] | None = None
    exists: tuple[str, ...] | None = None
    when: When | None = None
    start_in: int | None = None
    allow_failure: bool | None = None
    variables: tuple[Variable, ...] = ()
    interruptible: bool | None = None


def read_rules(
    reader: Reader, node: Node | None, path: str, *, workflow: bool = False
) -> tuple[Rule, ...] | None:
    """All rules, or None where there are none."""
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, list):
        reader.wrong(node, path, "should be an array containing hashes and arrays of hashes")
        return None
    entries = _flat(node)
    if not entries:
        reader.wrong(node, f"{path}", "config can't be blank")
        return None
    found = []
    for entry in entries:
        if not isinstance(entry.value, dict):
            reader.wrong(entry, path, "should be an array containing hashes and arrays of hashes")
        elif not entry.value:
            reader.wrong(entry, f"{path}:rule", "config can't be blank")
        else:
            found.append(_rule(reader, entry, f"{path}:rule", workflow))
    return tuple(found)


def _flat(node: Node) -> list[Node]:
    return [inner for item in node for inner in (_flat(item) if isinstance(item.value, list) else [item])]


def _rule(reader: Reader, node: Node, path: str, workflow: bool) -> Rule:
    reader.known_keys(node, path, WORKFLOW_RULE_KEYS if workflow else RULE_KEYS, ("needs", "auto_cancel"))
    whens = ("always", "never") if workflow else RULE_WHENS
    when = _given(node, "when")
    if when is not None and when.value not in whens:
        reader.wrong(when, path, f"when unknown value: {when.value}")
        when = None
    allow_failure = _given(node, "allow_failure")
    start_in = _start_in(reader, node, path, when)
    interruptible = _given(node, "interruptible")
    if allow_failure is not None and not isinstance(allow_failure.value, bool):
        reader.wrong(allow_failure, path, "allow failure should be a boolean value")
    return Rule(
        condition=_condition(reader, _given(node, "if"), path),
        changes=_paths(reader, _given(node, "changes"), f"{path}:changes"),
        exists=_exists(reader, _given(node, "exists"), f"{path}:exists"),
        when=When(when.value) if when is not None else None,
        start_in=start_in,
        allow_failure=allow_failure.value if allow_failure is not None else None,
        variables=reader.variables(_given(node, "variables"), f"{path}:variables"),
        interruptible=reader.boolean(interruptible, f"{path}:interruptible") if interruptible else None,
    )


def _start_in(reader: Reader, node: Node, path: str, when: Node | None) -> int | None:
    delayed = when is not None and when.value == When.DELAYED
    if not delayed:
        if "start_in" in node.value:
            reader.wrong(node.key("start_in"), path, "config contains disallowed keys: start_in")
        return None
    item = _given(node, "start_in")
    if item is None:
        reader.wrong(node, path, "start in can't be blank")
    return reader.duration(item or node, f"{path} start in", limit=WEEK)


def _given(node: Node, key: str) -> Node | None:
    found: Node | None = node.value.get(key)
    return None if found is None or found.value is None else found


def _condition(reader: Reader, node: Node | None, path: str) -> str | None:
    if node is None:
        return None
    try:
        if not isinstance(node.value, str):
            raise ExpressionError
        parse(node.value)
    except ExpressionError:
        reader.wrong(node, path, "if invalid expression syntax")
        return None
    return node.value


def _paths(reader: Reader, node: Node | None, path: str) -> tuple[str, ...] | None:
    if node is None:
        return None
    if isinstance(node.value, dict):
        for key in node.value:
            if key != "paths":
                reader.problems.unsupported(node.key(key), f"{path}:{key}", reader.job)
        node = node.value.get("paths") or node
    if not isinstance(node.value, list):
        reader.wrong(node, path, "should be an array or a hash")
        return None
    if len(node.value) > PATTERN_LIMIT:
        reader.wrong(node, path, f"config has too many entries (maximum {PATTERN_LIMIT})")
    return reader.texts(node, path)


def _exists(reader: Reader, node: Node | None, path: str) -> tuple[str, ...] | None:
    if node is not None and isinstance(node.value, str):
        return (node.value,)
    return _paths(reader, node, path)


def first_match(rules: tuple[Rule, ...], values: Values, facts: PushFacts) -> Rule | None:
    """The first rule that holds."""
    return next((rule for rule in rules if holds(rule, values, facts)), None)


def holds(rule: Rule, values: Values, facts: PushFacts) -> bool:
    """All of if, changes and exists that the rule has."""
    if rule.condition is not None and not parse(rule.condition).evaluate(values.get):
        return False
    if rule.changes is not None and not _changed(rule.changes, values, facts):
        return False
    return rule.exists is None or any_match(_expanded(rule.exists, values), facts.tracked_paths())


def _changed(patterns: tuple[str, ...], values: Values, facts: PushFacts) -> bool:
    if facts.changed_paths is None:
        return True
    return any_match(_expanded(patterns, values), facts.changed_paths)


def _expanded(patterns: tuple[str, ...], values: Values) -> list[str]:
    return [expand(pattern, values.get, keep_unknown=True) for pattern in patterns]


@dataclass(frozen=True, slots=True)
class Only:
    """A read `only` or `except`; None means that the key is not there."""

    refs: tuple[str, ...] | None = None
    variables: tuple[str, ...] | None = None
    changes: tuple[str, ...] | None = None


DEFAULT_ONLY = Only(refs=("branches", "tags"))
_SOURCES = {
    "api", "chat", "external", "external_pull_request", "merge_request", "parent_pipeline", "pipeline", "push",
    "schedule", "trigger", "web",
}  # fmt: skip


def read_only(reader: Reader, node: Node | None, path: str) -> Only | None:
    if node is None or node.value is None:
        return None
    text = "config should be an array of strings or regular expressions using re2 syntax"
    if isinstance(node.value, list):
        return Only(refs=_refs(reader, node, path, text))
    if not isinstance(node.value, dict):
        reader.problems.add(node, f"{path} has to be either an array of conditions or a hash", job=reader.job)
        return None
    if not node.value:
        reader.wrong(node, path, "config can't be blank")
        return None
    reader.known_keys(node, path, ("refs", "variables", "changes"), ("kubernetes",))
    refs, variables, changes = (_given(node, key) for key in ("refs", "variables", "changes"))
    expressions = reader.texts(variables, f"{path} variables") if variables else None
    for expression in expressions or ():
        try:
            parse(expression)
        except ExpressionError:
            reader.wrong(variables or node, path, "variables invalid expression syntax")
    return Only(
        refs=_refs(reader, refs, f"{path} refs", text) if refs else None,
        variables=expressions,
        changes=reader.texts(changes, f"{path} changes") if changes else None,
    )


def _refs(reader: Reader, node: Node, path: str, text: str) -> tuple[str, ...]:
    refs = reader.texts(node, path, text)
    for ref in refs:
        if ref.startswith("/"):
            try:
                to_pattern(ref)
            except ExpressionError:
                reader.wrong(node, path, text)
    return refs


def wanted(only: Only, facts: PushFacts, values: Values) -> bool:
    """`only`: every key that it has must hold; without refs the default ones apply."""
    refs = only.refs if only.refs is not None else DEFAULT_ONLY.refs or ()
    return all(check for check in (_ref_matches(refs, facts), *_other(only, facts, values)))


def unwanted(exception: Only, facts: PushFacts, values: Values) -> bool:
    """`except`: any key that it has."""
    refs = exception.refs is not None and _ref_matches(exception.refs, facts)
    return refs or any(_other(exception, facts, values))


def _other(only: Only, facts: PushFacts, values: Values) -> list[bool]:
    checks = []
    if only.variables is not None:
        checks.append(any(parse(text).evaluate(values.get) for text in only.variables))
    if only.changes is not None:
        checks.append(facts.changed_paths is None or any_match(only.changes, facts.changed_paths))
    return checks


def _ref_matches(refs: tuple[str, ...], facts: PushFacts) -> bool:
    return any(_one(ref, facts) for ref in refs)


def _one(pattern: str, facts: PushFacts) -> bool:
    branch_or_tag = facts.source != "merge_request_event"
    keyword = pattern.removesuffix("s") if pattern not in ("branches",) else "branch"
    if keyword in ("branch", "tag"):
        return branch_or_tag and facts.ref_type == keyword
    singular = "push" if pattern == "pushes" else keyword
    if singular in _SOURCES:
        return facts.source.removesuffix("_event") == singular
    if not branch_or_tag:
        return False
    name, at, path = pattern.partition("@") if not pattern.startswith("/") else (pattern, "", "")
    if at and path != facts.project_path:
        return False
    if name.startswith("/"):
        matcher: Callable[[str], bool] = _pattern_matcher(name)
        return matcher(facts.ref)
    return name == facts.ref


def _pattern_matcher(text: str) -> Callable[[str], bool]:
    pattern = compiled(to_pattern(text).text)
    return lambda ref: pattern is not None and pattern.search(ref) is not None
