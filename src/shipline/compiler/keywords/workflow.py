"""`workflow:name` and `workflow:auto_cancel`. Pure."""

from __future__ import annotations

from shipline.compiler.fields import Reader
from shipline.compiler.nodes import Node
from shipline.model.definition import AutoCancel

ON_NEW_COMMIT = ("conservative", "interruptible", "none")
ON_JOB_FAILURE = ("none", "all")


def read_auto_cancel(reader: Reader, node: Node, path: str) -> AutoCancel | None:
    fields = reader.fields(node, path, ("on_new_commit", "on_job_failure"))
    if fields is None:
        return None
    return AutoCancel(
        fields.choice("on_new_commit", ON_NEW_COMMIT, f"must be one of: {', '.join(ON_NEW_COMMIT)}"),
        fields.choice("on_job_failure", ON_JOB_FAILURE, f"must be one of: {', '.join(ON_JOB_FAILURE)}"),
    )


def read_name(reader: Reader, node: Node, path: str) -> str | None:
    name = reader.text(node, path)
    limit = reader.limits.workflow_name
    if name is not None and len(name) > limit:
        reader.wrong(node, path, f"config is too long (maximum is {limit} characters)")
    return name
