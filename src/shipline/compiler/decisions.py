"""Why a job is in a pipeline, or is not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.compiler.nodes import Node
from shipline.compiler.rules import Rule
from shipline.model.definition import When


@dataclass(frozen=True, slots=True)
class Decision:
    """`job` is empty for the workflow. `rule` is the one that decided, if one did."""

    job: str
    included: bool
    reason: str
    rule: Node | None = None


def by_rules(job: str, rules: tuple[Rule, ...], rule: Rule | None) -> Decision:
    if rule is None:
        count = "its only rule does not match" if len(rules) == 1 else f"none of its {len(rules)} rules match"
        return Decision(job, False, count)
    place = f"{rule.node.file}:{rule.node.line}"
    position = f"rule {rules.index(rule) + 1} of {len(rules)} matches ({place})"
    if rule.when is When.NEVER:
        return Decision(job, False, f"{position} and says when: never", rule.node)
    effect = f" and says when: {rule.when}" if rule.when is not None else ""
    return Decision(job, True, position + effect, rule.node)
