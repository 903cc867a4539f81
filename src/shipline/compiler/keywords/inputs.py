"""`inputs` of a job: values that may be changed when it is started by hand. Pure."""

from __future__ import annotations

from shipline.compiler.fields import STRING, Reader, is_integer, plain, shown
from shipline.compiler.nodes import Node
from shipline.model.definition import JobInput

KEYS = ("default", "description", "options", "regex", "type")
TYPES = ("array", "boolean", "number", "string")


def read_inputs(reader: Reader, node: Node, path: str) -> tuple[JobInput, ...]:
    if not reader.is_hash(node, path):
        return ()
    if len(node.value) > reader.limits.job_inputs:
        reader.wrong(node, path, f"config has too many entries (maximum {reader.limits.job_inputs})")
    found = [_input(reader, name, item, f"{path}:{name}") for name, item in node.value.items()]
    return tuple(entry for entry in found if entry is not None)


def _input(reader: Reader, name: str, node: Node, path: str) -> JobInput | None:
    fields = reader.fields(node, path, KEYS)
    if fields is None:
        return None
    default = fields.given("default")
    if default is None:
        reader.wrong(node, path, "must have a default value")
    kind, description, options = fields.given("type"), fields.given("description"), fields.given("options")
    if kind is not None and kind.value not in TYPES:
        reader.wrong(kind, path, f"input type unknown value: {shown([kind.value])}")
        kind = None
    if description is not None and not (isinstance(description.value, str) or is_integer(description.value)):
        reader.wrong(description, path, "input description must be an alphanumeric string")
    regex = fields.given("regex")
    if regex is not None and not isinstance(regex.value, str):
        reader.wrong(regex, path, f"input regex {STRING}")
    limit = reader.limits.input_options
    if options is not None and not isinstance(options.value, list):
        reader.wrong(options, path, "input options should be a array")
    elif options is not None and len(options.value) > limit:
        reader.wrong(options, path, f"config cannot define more than {limit} options")
    return JobInput(
        name,
        plain(default) if default is not None else None,
        type=kind.value if kind is not None else "string",
        description=str(description.value) if description is not None else None,
        options=tuple(plain(item) for item in options) if options is not None else (),
        regex=regex.value if regex is not None and isinstance(regex.value, str) else None,
    )
