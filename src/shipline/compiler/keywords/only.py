"""`only` and `except`: read, and decided for a pipeline. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shipline.compiler.expression import (
    Expression,
    ExpressionError,
    compiled,
    is_written_pattern,
    parse,
    to_pattern,
)
from shipline.compiler.facts import PushFacts
from shipline.compiler.fields import STRINGS, Fields, Reader
from shipline.compiler.globs import any_match
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.ruby import to_s

KEYS = ("refs", "kubernetes", "variables", "changes")
_REFS = "should be an array of strings or regular expressions using re2 syntax"
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Only:
    """A read `only` or `except`; None means that the key is not there."""

    refs: tuple[str, ...] | None = None
    variables: tuple[Expression, ...] | None = None
    changes: tuple[str, ...] | None = None
    kubernetes: bool = False


DEFAULT_ONLY = Only(refs=("branches", "tags"))


def read_only(reader: Reader, node: Node, path: str) -> Only | None:
    if isinstance(node.value, list):
        return Only(refs=_refs(reader, node, f"{path} config"))
    if not isinstance(node.value, dict):
        # This message keeps the case of names.
        reader.problems.add(node, f"{path} has to be either an array of conditions or a hash", job=reader.job)
        return None
    if not node.value:
        reader.wrong(node, path, "config can't be blank")
    reader.known_keys(node, path, KEYS)
    fields = Fields(reader, node, path)
    refs, kubernetes = fields.given("refs"), fields.given("kubernetes")
    if kubernetes is not None and kubernetes.value != "active":
        fields.wrong("kubernetes", f"unknown value: {to_s(kubernetes.plain())}")
    return Only(
        refs=_refs(reader, refs, f"{path} refs") if refs is not None else None,
        variables=_expressions(fields),
        changes=fields.texts("changes") if fields.given("changes") is not None else None,
        kubernetes=kubernetes is not None,
    )


def _refs(reader: Reader, node: Node, path: str) -> tuple[str, ...]:
    refs = reader.texts(node, path, _REFS)
    for ref in refs:
        try:
            if is_written_pattern(ref):
                to_pattern(ref)
        except ExpressionError:
            reader.wrong(node, path, _REFS)
    return refs


def _expressions(fields: Fields) -> tuple[Expression, ...] | None:
    item = fields.given("variables")
    if item is None:
        return None
    found = []
    texts = fields.reader.texts(item, fields.path, f"variables {STRINGS}")
    for text in texts:
        try:
            found.append(parse(text, fields.reader.limits.expression_tokens))
        except ExpressionError:
            fields.wrong("variables", "invalid expression syntax")
    return tuple(found)


def wanted(only: Only, facts: PushFacts, values: Values, limits: Limits) -> bool:
    """`only`: every key that it has must hold; without refs the default ones apply."""
    refs = only.refs if only.refs is not None else DEFAULT_ONLY.refs or ()
    return _ref_matches(refs, facts) and all(_others(only, facts, values, limits))


def unwanted(exception: Only, facts: PushFacts, values: Values, limits: Limits) -> bool:
    """`except`: any key that it has."""
    if exception.refs is not None and _ref_matches(exception.refs, facts):
        return True
    return any(_others(exception, facts, values, limits))


def _others(only: Only, facts: PushFacts, values: Values, limits: Limits) -> list[bool]:
    checks = []
    if only.variables is not None:
        checks.append(any(expression.evaluate(values.get) for expression in only.variables))
    if only.changes is not None:
        checks.append(facts.changed_paths is None or any_match(only.changes, facts.changed_paths, limits))
    if only.kubernetes:
        checks.append(values.get("CI_KUBERNETES_ACTIVE") == "true")
    return checks


def _ref_matches(refs: tuple[str, ...], facts: PushFacts) -> bool:
    return any(_one(ref, facts) for ref in refs)


def _one(written: str, facts: PushFacts) -> bool:
    pattern, at, path = written.partition("@")
    if at and path != facts.project_path:
        return False
    merge_request = facts.source == "merge_request_event"
    if pattern == "branches":
        return facts.ref_type == "branch" and not merge_request
    if pattern == "tags":
        return facts.ref_type == "tag" and not merge_request
    source = facts.source.removesuffix("_event")
    if pattern in (source, f"{source}s", f"{source}es" if source.endswith("sh") else source):
        return True
    if merge_request:
        return False
    if is_written_pattern(pattern):
        try:
            matcher = compiled(to_pattern(pattern).text)
        except ExpressionError:
            return False
        return matcher is not None and matcher.search(facts.ref) is not None
    return pattern == facts.ref
