"""`environment`. Pure."""

from __future__ import annotations

import re
from typing import Any

from shipline.compiler.fields import Fields, Reader, is_blank, plain
from shipline.compiler.nodes import Node
from shipline.model.definition import Environment
from shipline.model.environment import NAME, NAME_WORDS

KEYS = ("name", "url", "action", "on_stop", "auto_stop_in", "kubernetes", "deployment_tier")
KUBERNETES_KEYS = ("agent", "namespace", "flux_resource_path", "managed_resources", "dashboard")
ACTIONS = ("start", "stop", "prepare", "verify", "access")
SLUG_LIMIT = 24


def read_environment(reader: Reader, node: Node, path: str) -> Environment | None:
    if isinstance(node.value, str):
        fields = Fields(reader, Node({"name": node}, node.file, node.line, node.column), path)
        return Environment(_name(fields))
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "config should be a hash or a string")
        _name(Fields(reader, Node({}, node.file, node.line, node.column), path))
        return None
    reader.known_keys(node, path, KEYS)
    fields = Fields(reader, node, path)
    return Environment(
        name=_name(fields),
        url=_url(fields),
        action=fields.choice("action", ACTIONS, "should be start, stop, prepare, verify, or access")
        or "start",
        on_stop=fields.text("on_stop"),
        auto_stop_in=fields.text("auto_stop_in"),
        deployment_tier=fields.text("deployment_tier"),
        kubernetes=_kubernetes(reader, fields.hash("kubernetes"), f"{path}:kubernetes"),
    )


def _name(fields: Fields) -> str:
    item = fields.given("name")
    name = item.value if item is not None else None
    if is_blank(name):
        fields.wrong("name", "can't be blank")
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        fields.wrong("name", NAME_WORDS)
    return name if isinstance(name, str) else ""


def _url(fields: Fields) -> str | None:
    url = fields.text("url")
    limit = fields.reader.limits.environment_url
    if url is not None and len(url) > limit:
        fields.wrong("url", f"is too long (maximum is {limit} characters)")
    return url


def _kubernetes(reader: Reader, node: Node | None, path: str) -> dict[str, Any] | None:
    if node is None:
        return None
    if not node.value:
        reader.wrong(node, path, "config can't be blank")
    reader.known_keys(node, path, KUBERNETES_KEYS)
    fields = Fields(reader, node, path)
    flux = fields.text("flux_resource_path")
    for key in ("namespace", "agent"):
        fields.text(key)
        if flux and fields.given(key) is None:
            fields.wrong(key, "can't be blank", at=fields.given("flux_resource_path"))
    for key in ("managed_resources", "dashboard"):
        fields.hash(key)
    written: dict[str, Any] = plain(node)
    return written


def environment_slug(name: str) -> str:
    """At most 24 characters, as part of a host name; shortened or changed names get a suffix of their own."""
    slug = re.sub(r"[^a-z0-9]", "-", name.lower())
    if not re.match(r"[a-z]", slug):
        slug = f"env-{slug}"
    slug = re.sub(r"-+", "-", slug)
    if len(slug) > SLUG_LIMIT or slug != name:
        # The suffix has six characters, and a dash before it.
        slug = f"{slug[: SLUG_LIMIT - 7].removesuffix('-')}-{_suffix(name)}"
    return slug.rstrip("-")


def _suffix(name: str) -> str:
    # Seldom needed, and slow to import.
    import hashlib

    number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits[-6:]
