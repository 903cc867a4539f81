"""AWS's query protocol: a form in (`Action=...&Subnets.member.1=...`), XML out.

Source: botocore's `query` protocol. STS and Elastic Load Balancing speak it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from xml.etree import ElementTree as Xml

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from shipline.errors import ProtocolError
from shipline.protocols.aws_errors import AwsError
from shipline.protocols.aws_shapes import DEPTH_LIMIT, conform

CONTENT_TYPE = "text/xml"
LIST_LIMIT = 1000


def read(form: Mapping[str, str], model: OperationModel) -> dict[str, Any]:
    """The request's parameters. Raises AwsError (ValidationError)."""
    if model.input_shape is None:
        return {}
    try:
        return dict(conform(_read(form, model.input_shape, "", 0) or {}, model.input_shape))
    except ProtocolError as error:
        raise AwsError("ValidationError", error.message) from error


def _read(form: Mapping[str, str], shape: Shape, prefix: str, depth: int) -> Any:
    """The value at `prefix`, or None when the form does not hold it."""
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"{prefix} is nested too deeply.")
    if prefix and not any(key == prefix or key.startswith(f"{prefix}.") for key in form):
        return None
    if shape.type_name == "structure":
        found = {}
        for name, member in cast(StructureShape, shape).members.items():
            key = str(member.serialization.get("name", name))
            found[name] = _read(form, member, f"{prefix}.{key}" if prefix else key, depth + 1)
        return {name: value for name, value in found.items() if value is not None}
    if shape.type_name == "list":
        member = cast(ListShape, shape).member
        name = (
            "" if shape.serialization.get("flattened") else f".{member.serialization.get('name', 'member')}"
        )
        return _numbered(form, member, f"{prefix}{name}", depth)
    if shape.type_name == "map":
        return _entries(form, cast(MapShape, shape), prefix, depth)
    return _scalar(form[prefix], shape.type_name, prefix) if prefix in form else None


def _numbered(form: Mapping[str, str], member: Shape, prefix: str, depth: int) -> list[Any]:
    found: list[Any] = []
    for number in range(1, LIST_LIMIT + 1):
        value = _read(form, member, f"{prefix}.{number}", depth + 1)
        if value is None:
            return found
        found.append(value)
    raise ProtocolError(f"{prefix} has more than {LIST_LIMIT} entries.")


def _entries(form: Mapping[str, str], shape: MapShape, prefix: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    base = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
    for number in range(1, LIST_LIMIT + 1):
        key = form.get(f"{base}.{number}.key")
        if key is None:
            return found
        found[key] = _read(form, shape.value, f"{base}.{number}.value", depth + 1)
    raise ProtocolError(f"{prefix} has more than {LIST_LIMIT} entries.")


def _scalar(text: str, kind: str, path: str) -> Any:
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError as error:
        raise ProtocolError(f"{path} must be a number, not {text[:60]!r}.") from error
    if kind == "boolean":
        if text not in ("true", "false"):
            raise ProtocolError(f"{path} must be true or false, not {text[:60]!r}.")
        return text == "true"
    return text


def write(result: Mapping[str, Any], model: OperationModel, namespace: str, request_id: str) -> bytes:
    root = Xml.Element(f"{model.name}Response", xmlns=namespace)
    if model.output_shape is not None:
        wrapper = model.output_shape.serialization.get("resultWrapper")
        parent = Xml.SubElement(root, str(wrapper)) if wrapper else root
        _members(parent, result, cast(StructureShape, model.output_shape))
    _metadata(root, request_id)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def write_error(error: AwsError, namespace: str, request_id: str) -> bytes:
    root = Xml.Element("ErrorResponse", xmlns=namespace)
    told = Xml.SubElement(root, "Error")
    Xml.SubElement(told, "Type").text = "Sender" if error.status < 500 else "Receiver"
    Xml.SubElement(told, "Code").text = error.code
    Xml.SubElement(told, "Message").text = error.message
    Xml.SubElement(root, "RequestId").text = request_id
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def _metadata(root: Xml.Element, request_id: str) -> None:
    metadata = Xml.SubElement(root, "ResponseMetadata")
    Xml.SubElement(metadata, "RequestId").text = request_id


def _members(parent: Xml.Element, value: Mapping[str, Any], shape: StructureShape) -> None:
    for name, member in shape.members.items():
        if value.get(name) is not None:
            _write(parent, str(member.serialization.get("name", name)), value[name], member)


def _write(parent: Xml.Element, name: str, value: Any, shape: Shape) -> None:
    if shape.type_name == "list":
        member = cast(ListShape, shape).member
        flat = bool(shape.serialization.get("flattened"))
        target = parent if flat else Xml.SubElement(parent, name)
        for entry in value:
            _write(target, name if flat else str(member.serialization.get("name", "member")), entry, member)
        return
    element = Xml.SubElement(parent, name)
    if shape.type_name == "structure":
        _members(element, value, cast(StructureShape, shape))
    elif shape.type_name == "map":
        for key, one in value.items():
            entry = Xml.SubElement(element, "entry")
            Xml.SubElement(entry, "key").text = str(key)
            _write(entry, "value", one, cast(MapShape, shape).value)
    elif shape.type_name == "boolean":
        element.text = "true" if value else "false"
    elif shape.type_name == "timestamp":
        element.text = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    else:
        element.text = str(value)
