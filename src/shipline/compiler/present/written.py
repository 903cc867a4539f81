"""What was written for a job of a pipeline: by the rule that matched, in the job itself, in `default`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.compiler.decisions import Decision
from shipline.compiler.nodes import Node
from shipline.model.definition import JobDefinition

INHERITED = (
    "after_script", "artifacts", "before_script", "cache", "hooks", "id_tokens", "identity", "image",
    "interruptible", "retry", "services", "tags",
)  # fmt: skip
# At the top of the file these mean the same as in `default`.
GLOBAL = ("after_script", "before_script", "cache", "image", "services")


class Written:
    """The tree after `extends`, with the decisions about this pipeline's jobs."""

    def __init__(self, merged: Node, decisions: Iterable[Decision]) -> None:
        self.merged = merged
        self.rules = {decision.job: decision.rule for decision in decisions}

    def by_rule(self, job: JobDefinition, key: str) -> Node | None:
        return _given(self.rules.get(job.name), key)

    def value(self, job: JobDefinition, key: str) -> Node | None:
        """The node that a value of the job comes from; None where nobody wrote one."""
        by_rule = self.by_rule(job, key)
        if by_rule is not None:
            return by_rule
        own: Node | None = self.merged.value.get(job.group or job.name)
        return _given(own, key) or (self.inherited(own, key) if own is not None else None)

    def inherited(self, own: Node, key: str) -> Node | None:
        """From `default`, or from the keyword at the top of the file, unless the job does not want it."""
        if key not in INHERITED or not takes(own, "default", key):
            return None
        found = _given(self.merged.value.get("default"), key)
        return found or (_given(self.merged, key) if key in GLOBAL else None)


def takes(own: Node, what: str, key: str) -> bool:
    """Whether a job inherits a key of `default`, or one of the `variables`."""
    wanted = _given(_given(own, "inherit"), what)
    if wanted is None:
        return True
    names = wanted.plain()
    return key in names if isinstance(names, list) else names is not False


def _given(node: Node | None, key: str) -> Node | None:
    found: Node | None = node.value.get(key) if node is not None and isinstance(node.value, dict) else None
    return None if found is None or found.value is None else found
