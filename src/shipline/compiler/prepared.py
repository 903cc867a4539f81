"""One file made ready: its text loaded, its inputs resolved, its blocks interpolated. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shipline.compiler.blocks import Context
from shipline.compiler.documents import Documents
from shipline.compiler.header import Header, read_header
from shipline.compiler.inputs import NOT_A_HASH, NOT_DEFINED, resolve_inputs
from shipline.compiler.interpolation import InterpolationError, interpolate
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.model.variable import Variable

# GitLab shows only that many at once, in one message.
MESSAGES = 3


class FileError(Exception):
    """What is wrong in a file, in GitLab's words, and where: a node of the file itself."""

    def __init__(self, messages: list[str], node: Node) -> None:
        super().__init__(", ".join(messages[:MESSAGES]))
        self.message, self.node = ", ".join(messages[:MESSAGES]), node


@dataclass(frozen=True, slots=True)
class Given:
    """What a file is given: `inputs` as a plain value, the values of the component that it belongs to, and the
    variables of the pipeline. `load` gives its documents, `header_inputs` fetches what `spec:include` names."""

    load: Callable[[str, str | bytes], Documents]
    inputs: Any
    component: Mapping[str, str]
    variables: Mapping[str, Variable]
    header_inputs: Callable[[Node, Mapping[str, Node]], Mapping[str, Node]]


def prepare(file: str, text: str | bytes, given: Given, limits: Limits) -> Node:
    """The configuration of a file. Raises YamlError and FileError."""
    documents = given.load(file, text)
    inputs = given.inputs if given.inputs is not None else {}
    if not isinstance(inputs, dict):
        raise FileError([NOT_A_HASH], documents.body)
    if documents.header is None:
        if inputs:
            raise FileError([NOT_DEFINED], documents.body)
        return documents.body
    header = read_header(documents.header, limits)
    if isinstance(header, list):
        raise FileError([fault.message for fault in header], header[0].node)
    values = _values(documents.header, header, inputs, given, limits)
    component = {name: given.component[name] for name in header.component if name in given.component}
    context = Context({"inputs": values, "component": component}, given.variables)
    try:
        return interpolate(documents.body, context, limits)
    except InterpolationError as error:
        raise FileError(list(error.messages), error.node) from error


def _values(
    node: Node, header: Header, inputs: dict[str, Any], given: Given, limits: Limits
) -> dict[str, Any]:
    specs = header.inputs
    if header.include is not None and header.include.value:
        specs = given.header_inputs(header.include, specs)
    resolution = resolve_inputs(specs, inputs, limits)
    if resolution.faults:
        name = resolution.faults[0][0]
        spec = node.value["spec"]
        listed = spec.value.get("inputs") if isinstance(spec.value, dict) else None
        place = listed.key(name) if listed is not None and listed.value and name in listed.value else spec
        raise FileError([text for _, text in resolution.faults], place)
    return resolution.values
