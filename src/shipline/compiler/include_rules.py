"""`include:rules`: is a file included? Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from shipline.compiler.facts import PushFacts, RuleError
from shipline.compiler.fields import Reader
from shipline.compiler.include_entries import IncludeError
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.rules import first_match, read_rules
from shipline.model.definition import When

KEYS = ("if", "exists", "when", "changes")
WHENS = ("never", "always")


def is_included(entry: Node, values: Mapping[str, str], facts: PushFacts, limits: Limits) -> bool:
    """The first rule that holds decides; without rules all are. Raises IncludeError."""
    rules = entry.value.get("rules")
    if rules is None or rules.value is None:
        return True
    _check(rules)
    problems = Problems()
    # Lists of patterns may be as long as they like here.
    reader = Reader(problems, limits=replace(limits, rule_patterns=sys.maxsize))
    read = read_rules(reader, rules, "include:rules") or ()
    for problem in problems.found:
        raise IncludeError(_words(problem.message), _place(problem, rules), hint=problem.hint)
    try:
        rule = first_match(read, values, facts, limits)
    except RuleError as error:
        raise IncludeError(f"include:{error}", rules) from error
    return rule is not None and rule.when is not When.NEVER


def _words(message: str) -> str:
    return message.replace("include:rules:rule", "include:rule")


def _place(problem: Problem, rules: Node) -> Node:
    return Node(None, problem.file, problem.line, problem.column) if problem.line else rules


def _check(rules: Node) -> None:
    """What differs from the rules of jobs: fewer keys, no lists in the list."""
    if rules.value in ([], {}, "", False):
        raise IncludeError("include:rules config can't be blank", rules)
    if not isinstance(rules.value, list):
        raise IncludeError("include:rules config should be an array", rules)
    for rule in rules:
        if rule.value in ([], {}, "", False, None):
            raise IncludeError("include:rule config can't be blank", rule)
        if not isinstance(rule.value, dict):
            raise IncludeError("include:rule config should be a hash", rule)
        unknown = [key for key in rule.value if key not in KEYS]
        if unknown:
            text = f"include:rule config contains unknown keys: {', '.join(unknown)}".lower()
            raise IncludeError(text, rule.key(unknown[0]))
        when = rule.value.get("when")
        if when is not None and when.value is not None and when.value not in WHENS:
            raise IncludeError(f"include:rule when unknown value: {when.plain()}".lower(), when)
