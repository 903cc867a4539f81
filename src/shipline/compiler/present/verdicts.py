"""What became of each of a job's rules: which part of it does not hold, with the values that it looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shipline.compiler.facts import PushFacts, RuleError
from shipline.compiler.fields import Reader, flat
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.compiler.rules import holds, read_rules

PARTS = ("if", "changes", "exists")
_NAME = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`holds` None: it was not asked, because one before it matched. `why` names what does not hold, or in a
    rule that matched the values that it looked at."""

    number: int
    rule: str
    holds: bool | None
    why: str
    file: str
    line: int


def verdicts(
    rules: Node | None,
    matched: Node | None,
    values: Mapping[str, str] | None,
    facts: PushFacts,
    limits: Limits,
) -> list[Verdict]:
    """`matched` is the rule that decided; `values` are what the rules saw, None where that is not known."""
    if rules is None or not isinstance(rules.value, list):
        return []
    found: list[Verdict] = []
    asked = True
    for number, rule in enumerate(flat(rules, limits.nesting_levels), 1):
        state = (rule is matched) if asked else None
        why = _why(rule, values, facts, limits) if state is not None and values is not None else ""
        found.append(Verdict(number, _text(rule), state, why, rule.file, rule.line))
        asked = asked and not state
    return found


def _text(rule: Node) -> str:
    """A rule in one line."""
    plain = rule.plain()
    words = [f"{key}: {_short(plain[key])}" for key in (*PARTS, "when") if plain.get(key) is not None]
    return ", ".join(words) or "always"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return _short(value.get("paths")) + "".join(
            f" ({key} {value[key]})" for key in value if key != "paths"
        )
    return ", ".join(str(item) for item in value) if isinstance(value, list) else " ".join(str(value).split())


def _why(rule: Node, values: Mapping[str, str], facts: PushFacts, limits: Limits) -> str:
    """The first part that does not hold, else the values behind `if`."""
    for key in PARTS:
        part = rule.value.get(key)
        if part is None or part.value is None:
            continue
        try:
            passes = _holds(rule.holding({key: part}), values, facts, limits)
        except RuleError as error:
            return str(error)
        if not passes:
            return ", ".join(_told(part, values)) if key == "if" else _NO_FILE[key]
    condition = rule.value.get("if")
    return ", ".join(_told(condition, values)) if condition is not None else ""


_NO_FILE = {
    "changes": "no file that changed is among them",
    "exists": "no file of the repository is among them",
}


def _holds(rule: Node, values: Mapping[str, str], facts: PushFacts, limits: Limits) -> bool:
    listed = Node([rule], rule.file, rule.line, rule.column)
    read = read_rules(Reader(Problems(), limits=limits), listed, "rules") or ()
    return all(holds(one, values, facts, limits) for one in read)


def _told(condition: Node, values: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys(_NAME.findall(str(condition.value))):
        yield f'{name} is "{values[name]}"' if name in values else f"{name} is not set"
