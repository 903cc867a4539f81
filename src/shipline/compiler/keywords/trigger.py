"""`trigger`: child pipelines, and pipelines of other projects. Pure."""

from __future__ import annotations

from typing import Any

from shipline.compiler.fields import Fields, Reader, is_blank, plain
from shipline.compiler.nodes import Node
from shipline.model.definition import Trigger, TriggerInclude

PROJECT_KEYS = ("project", "branch", "strategy", "forward", "inputs")
CHILD_KEYS = ("include", "strategy", "forward")
STRATEGIES = ("depend", "mirror")
INCLUDE_KEYS = (
    "local", "file", "remote", "template", "component", "artifact", "inputs", "job", "project", "ref", "rules",
    "integrity", "cache",
)  # fmt: skip


def read_trigger(reader: Reader, node: Node, path: str) -> Trigger | None:
    if isinstance(node.value, str):
        if is_blank(node.value):
            reader.wrong(node, path, "config can't be blank")
        return Trigger(project=node.value)
    if not isinstance(node.value, dict):
        # This message keeps the case of names.
        reader.problems.add(node, f"{path} has to be either a string or a hash", job=reader.job)
        return None
    child = "include" in node.value
    if not node.value:
        reader.wrong(node, path, "config can't be blank")
    reader.known_keys(node, path, CHILD_KEYS if child else PROJECT_KEYS)
    fields = Fields(reader, node, path)
    yaml_variables, pipeline_variables = _forward(reader, fields.given("forward"), f"{path}:forward")
    strategy = fields.choice("strategy", STRATEGIES, "should be depend or mirror")
    if child:
        return Trigger(
            include=_includes(reader, fields.given("include"), f"{path}:include"),
            strategy=strategy,
            forward_yaml_variables=yaml_variables,
            forward_pipeline_variables=pipeline_variables,
        )
    return Trigger(
        project=fields.required_text("project"),
        branch=fields.text("branch"),
        strategy=strategy,
        forward_yaml_variables=yaml_variables,
        forward_pipeline_variables=pipeline_variables,
        inputs=_inputs(fields),
    )


def _inputs(fields: Fields) -> dict[str, Any]:
    node = fields.hash("inputs")
    written: dict[str, Any] = plain(node) if node is not None else {}
    return written


def _forward(reader: Reader, node: Node | None, path: str) -> tuple[bool, bool]:
    if node is None or not reader.is_hash(node, path):
        return True, False
    reader.known_keys(node, path, ("yaml_variables", "pipeline_variables"))
    fields = Fields(reader, node, path)
    return fields.boolean("yaml_variables") is not False, fields.boolean("pipeline_variables") or False


def _includes(reader: Reader, node: Node | None, path: str) -> tuple[TriggerInclude, ...]:
    if node is None:
        return ()
    if isinstance(node.value, str):
        return (_include_text(node.value),)
    if not isinstance(node.value, list):
        reader.wrong(node, path, "config should be an array or a string")
        return ()
    limit = reader.limits.trigger_includes
    if len(node.value) > limit:
        reader.wrong(node, path, f"config is too long (maximum is {limit})")
    found = [_include(reader, item, f"{path}:include") for item in node]
    return tuple(include for include in found if include is not None)


def _include_text(address: str) -> TriggerInclude:
    if address.startswith(("http://", "https://")):
        return TriggerInclude(remote=address)
    return TriggerInclude(local=address)


def _include(reader: Reader, node: Node, path: str) -> TriggerInclude | None:
    if isinstance(node.value, str):
        return _include_text(node.value)
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "config should be a hash or a string")
        return None
    reader.known_keys(node, path, INCLUDE_KEYS)
    fields = Fields(reader, node, path)
    if fields.given("artifact") is not None and _is_missing(fields, "job"):
        reader.wrong(node, path, "config must specify the job where to fetch the artifact from")
    if fields.given("project") is not None and _is_missing(fields, "file"):
        reader.wrong(node, path, "config must specify the file where to fetch the config from")
    rules = fields.given("rules")
    file = fields.given("file")
    texts = {key: _plain_text(fields, key) for key in ("local", "artifact", "job", "project", "ref", "template",
                                                        "component", "remote", "integrity")}  # fmt: skip
    return TriggerInclude(
        **texts,
        file=tuple(str(item.value) for item in (file if isinstance(file.value, list) else [file]))
        if file
        else (),
        inputs=_inputs(fields),
        rules=tuple(plain(rule) for rule in rules if isinstance(rule.value, dict))
        if rules is not None
        else (),
    )


def _is_missing(fields: Fields, key: str) -> bool:
    item = fields.given(key)
    return item is None or is_blank(item.value)


def _plain_text(fields: Fields, key: str) -> str | None:
    item = fields.given(key)
    return item.value if item is not None and isinstance(item.value, str) else None
