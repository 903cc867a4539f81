"""`image` and `services`. Pure."""

from __future__ import annotations

from shipline.compiler.fields import Reader
from shipline.compiler.nodes import Node
from shipline.model.definition import Image, Service

PULL_POLICIES = ("always", "if-not-present", "never")


def read_image(reader: Reader, node: Node, path: str) -> Image | None:
    """A name, or a hash with name, entrypoint and pull_policy. None where it is not set or wrong."""
    if node.value is None:
        return None
    if isinstance(node.value, str):
        if not node.value:
            reader.wrong(node, path, "config can't be blank")
            return None
        return Image(node.value)
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "config should be a hash or a string")
        return None
    reader.known_keys(node, path, ("name", "entrypoint", "pull_policy"), ("docker", "kubernetes"))
    name = _name(reader, node, path)
    return (
        Image(name, _words(reader, node, "entrypoint", path), _pull_policy(reader, node, path))
        if name
        else None
    )


def read_services(reader: Reader, node: Node, path: str) -> tuple[Service, ...]:
    if node.value is None:
        return ()
    if not isinstance(node.value, list):
        reader.wrong(node, path, "config should be an array")
        return ()
    found = [_service(reader, item, f"{path}:service") for item in _flat(node)]
    return tuple(service for service in found if service is not None)


def _flat(node: Node) -> list[Node]:
    return [inner for item in node for inner in (item.value if isinstance(item.value, list) else [item])]


def _service(reader: Reader, node: Node, path: str) -> Service | None:
    if isinstance(node.value, str) and node.value:
        return Service(node.value)
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "config should be a hash or a string")
        return None
    known = ("name", "alias", "entrypoint", "command", "variables", "pull_policy")
    reader.known_keys(node, path, known, ("docker", "kubernetes", "ports"))
    name = _name(reader, node, path)
    alias = node.value.get("alias")
    if not name:
        return None
    return Service(
        name,
        alias=reader.text(alias, f"{path} alias") if alias is not None and alias.value is not None else None,
        entrypoint=_words(reader, node, "entrypoint", path),
        command=_words(reader, node, "command", path),
        variables=reader.variables(node.value.get("variables"), f"{path}:variables"),
        pull_policy=_pull_policy(reader, node, path),
    )


def _name(reader: Reader, node: Node, path: str) -> str | None:
    name = node.value.get("name")
    if name is None or not name.value:
        reader.wrong(node, path, "name can't be blank")
        return None
    if not isinstance(name.value, str):
        reader.wrong(name, path, "name should be a string")
        return None
    return name.value


def _words(reader: Reader, node: Node, key: str, path: str) -> tuple[str, ...] | None:
    item = node.value.get(key)
    if item is None or item.value is None:
        return None
    if key == "command" and isinstance(item.value, str):
        return (item.value,)
    return reader.texts(item, path, f"{key} should be an array of strings")


def _pull_policy(reader: Reader, node: Node, path: str) -> tuple[str, ...]:
    item = node.value.get("pull_policy")
    if item is None or item.value is None:
        return ()
    policies = reader.text_or_texts(item, f"{path}:pull_policy")
    for policy in policies:
        if policy not in PULL_POLICIES:
            reader.wrong(item, f"{path}:pull_policy", f"config should be one of: {', '.join(PULL_POLICIES)}")
    return policies
