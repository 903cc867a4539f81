"""`id_tokens`, `secrets` and `identity`: what a job may prove, and what it gets for it. Pure."""

from __future__ import annotations

from typing import Any

from shipline.compiler.fields import STRINGS_OR_STRING, Reader, plain
from shipline.compiler.nodes import Node
from shipline.model.definition import IdToken


def read_id_tokens(reader: Reader, node: Node, path: str) -> tuple[IdToken, ...]:
    if not reader.is_hash(node, path):
        return ()
    found = []
    for name, item in node.value.items():
        at = f"{path}:{name}"
        if not isinstance(item.value, dict):
            reader.wrong(item, at, "config missing required keys: aud")
            reader.wrong(item, at, f"aud {STRINGS_OR_STRING}")
            continue
        reader.known_keys(item, at, ("aud",))
        if "aud" not in item.value:
            reader.wrong(item, at, "config missing required keys: aud")
        aud = item.value.get("aud", Node(None, item.file, item.line, item.column))
        found.append(IdToken(name, reader.text_or_texts(aud, at, f"aud {STRINGS_OR_STRING}")))
    return tuple(found)


def read_secrets(reader: Reader, node: Node, path: str) -> dict[str, Any]:
    """What each secret holds is between its provider and the runner; the shape alone is checked here."""
    if not reader.is_hash(node, path):
        return {}
    written: dict[str, Any] = plain(node)
    return written


def read_identity(reader: Reader, node: Node, path: str) -> str | None:
    if node.value != "google_cloud":
        reader.wrong(node, path, "config should be one of: google_cloud")
        return None
    return "google_cloud"
