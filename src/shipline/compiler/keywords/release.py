"""`release`. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from shipline.compiler.fields import Fields, Reader, is_blank, plain
from shipline.compiler.nodes import Node
from shipline.model.definition import Release, ReleaseLink

KEYS = (
    "tag_name", "tag_message", "name", "description", "ref", "released_at", "milestones", "assets",
)  # fmt: skip
# What git check-ref-format refuses.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|^@$|/$|\.$|(?:^|/)\.|\.lock(?:/|$)")


def read_release(reader: Reader, node: Node, path: str) -> Release | None:
    fields = reader.fields(node, path, KEYS)
    if fields is None:
        return None
    ref = fields.text("ref")
    if ref and _BAD_REF.search(ref):
        fields.wrong("ref", "must be a valid ref")
    return Release(
        tag_name=fields.required_text("tag_name"),
        description=fields.required_text("description"),
        name=fields.text("name"),
        tag_message=fields.text("tag_message"),
        ref=ref,
        milestones=fields.text_or_texts("milestones"),
        released_at=_released_at(fields),
        links=_links(reader, fields.given("assets"), f"{path}:assets"),
    )


def _released_at(fields: Fields) -> str | None:
    written = fields.given("released_at")
    if written is None or is_blank(written.value):
        return None
    try:
        datetime.fromisoformat(str(written.value))
    except ValueError:
        fields.wrong("released_at", "must be a valid datetime")
    return str(written.value)


def _links(reader: Reader, node: Node | None, path: str) -> tuple[ReleaseLink, ...]:
    """Whether a link is right is said when the release is made, not before."""
    if node is None:
        return ()
    fields = reader.fields(node, path, ("links",))
    links = fields.given("links") if fields is not None else None
    if fields is None:
        return ()
    if links is None or is_blank(links.value):
        fields.wrong("links", "can't be blank")
    if (
        links is None
        or not isinstance(links.value, list)
        or any(not isinstance(x.value, dict) for x in links)
    ):
        fields.wrong("links", "should be an array of hashes")
        return ()
    return tuple(_link(plain(item)) for item in links)


def _link(written: dict[str, Any]) -> ReleaseLink:
    filepath = written.get("filepath")
    return ReleaseLink(
        name=str(written.get("name", "")),
        url=str(written.get("url", "")),
        filepath=str(filepath) if filepath is not None else None,
        link_type=str(written.get("link_type", "other")),
    )
