"""`image` and `services`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.compiler.fields import Fields, Reader, flat, is_blank, shown
from shipline.compiler.keywords.variables import NO_DATA, read_variables
from shipline.compiler.nodes import Node
from shipline.model.definition import Image, Service

PULL_POLICIES = ("always", "never", "if-not-present")
IMAGE_KEYS = ("name", "entrypoint", "pull_policy", "docker", "kubernetes", "ports")
SERVICE_KEYS = (*IMAGE_KEYS, "alias", "command", "variables")
_EXECUTOR_KEYS = {"docker": ("platform", "user"), "kubernetes": ("user",)}


def read_image(reader: Reader, node: Node, path: str) -> Image | None:
    """A name, or a hash. None where it is wrong."""
    common = _common(reader, node, path, IMAGE_KEYS)
    if common is None:
        return None
    options = common.options
    return Image(
        common.name,
        common.entrypoint,
        common.pull_policy,
        options.get("docker:platform"),
        options.get("docker:user"),
        options.get("kubernetes:user"),
    )


def read_services(reader: Reader, node: Node, path: str) -> tuple[Service, ...]:
    if not isinstance(node.value, list):
        reader.wrong(node, path, "config should be an array")
        return ()
    found = [_service(reader, item, f"{path}:service") for item in flat(node)]
    return tuple(service for service in found if service is not None)


def _service(reader: Reader, node: Node, path: str) -> Service | None:
    common = _common(reader, node, path, SERVICE_KEYS)
    if common is None:
        return None
    fields = common.fields
    if fields is None:
        return Service(common.name)
    command = fields.given("command")
    options = common.options
    return Service(
        common.name,
        alias=fields.text("alias"),
        entrypoint=common.entrypoint,
        command=fields.text_or_texts("command") if command is not None else None,
        variables=read_variables(reader, fields.given("variables"), f"{path}:variables", NO_DATA),
        pull_policy=common.pull_policy,
        docker_platform=options.get("docker:platform"),
        docker_user=options.get("docker:user"),
        kubernetes_user=options.get("kubernetes:user"),
    )


@dataclass(frozen=True, slots=True)
class _Common:
    """What images and services share; `fields` is None when only a name is written."""

    name: str
    fields: Fields | None
    entrypoint: tuple[str, ...] | None
    pull_policy: tuple[str, ...]
    options: dict[str, str]


def _common(reader: Reader, node: Node, path: str, known: tuple[str, ...]) -> _Common | None:
    if isinstance(node.value, str):
        if is_blank(node.value):
            reader.wrong(node, path, "name can't be blank")
            return None
        return _Common(node.value, None, None, (), {})
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "config should be a hash or a string")
        reader.wrong(node, path, "name should be a string")
        reader.wrong(node, path, "name can't be blank")
        return None
    reader.known_keys(node, path, known)
    if "ports" in node.value:
        reader.wrong(node.key("ports"), path, "config contains disallowed keys: ports")
    fields = Fields(reader, node, path)
    entrypoint = fields.given("entrypoint")
    return _Common(
        fields.required_text("name"),
        fields,
        fields.texts("entrypoint") if entrypoint is not None else None,
        _pull_policy(reader, fields.given("pull_policy"), f"{path}:pull_policy"),
        _executor_options(fields),
    )


def _pull_policy(reader: Reader, node: Node | None, path: str) -> tuple[str, ...]:
    if node is None:
        return ()
    policies = reader.text_or_texts(node, path)
    unknown = [policy for policy in policies if policy not in PULL_POLICIES]
    if isinstance(node.value, str):
        if unknown:
            reader.wrong(node, path, "config is not included in the list")
    elif unknown:
        reader.wrong(node, path, f"config contains unknown values: {shown(unknown)}")
    elif isinstance(node.value, list) and not node.value:
        reader.wrong(node, path, "config can't be blank")
    return policies


def _executor_options(fields: Fields) -> dict[str, str]:
    limit = fields.reader.limits.executor_user
    found: dict[str, str] = {}
    for executor, known in _EXECUTOR_KEYS.items():
        options = fields.given(executor)
        if options is None:
            continue
        if not isinstance(options.value, dict):
            fields.wrong("executor_opts", f"'/{executor}' must be a valid 'object'", at=options)
            continue
        for key, item in options.value.items():
            if key not in known:
                fields.wrong("executor_opts", f"'/{executor}/{key}' must be a valid 'schema'", at=item)
            elif not _is_text(item) or (key == "user" and len(item.value) > limit):
                fields.wrong("executor_opts", f"'/{executor}/{key}' must be a valid 'string'", at=item)
            else:
                found[f"{executor}:{key}"] = str(item.value)
    return found


def _is_text(node: Node) -> bool:
    return isinstance(node.value, str) and bool(node.value)
