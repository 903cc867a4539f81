"""`pages`, and `publish`, its older form. Pure."""

from __future__ import annotations

from shipline.compiler.fields import Reader, is_blank
from shipline.compiler.nodes import Node
from shipline.model.definition import Pages

KEYS = ("path_prefix", "expire_in", "publish")
JOB_NAME = "pages"


def read_pages(reader: Reader, job: str, node: Node | None, publish: Node | None, path: str) -> Pages | None:
    """The site that a job publishes: one with `pages`, or one of that name."""
    if publish is not None and not is_blank(publish.value) and not _is_pages(job, node):
        reader.wrong(publish, path, "publish can only be used within a `pages` job")
    folder = (
        reader.text(publish, f"{path}:publish") if publish is not None and publish.value is not None else None
    )
    prefix = expire_in = None
    if node is not None and isinstance(node.value, dict):
        fields = reader.fields(node, f"{path}:pages", KEYS)
        assert fields is not None
        prefix = fields.text("path_prefix")
        expire_in = fields.duration("expire_in", besides=("never",))
        own = fields.text("publish")
        if own is not None and folder is not None:
            reader.wrong(publish or node, path, "config these keys cannot be used together: publish, pages")
        folder = own if own is not None else folder
    elif node is not None and not isinstance(node.value, bool) and node.value is not None:
        reader.wrong(node, f"{path}:pages", "config should be a hash or a boolean value")
    if not _is_pages(job, node):
        return None
    return Pages(folder if folder is not None else "public", prefix, expire_in)


def _is_pages(job: str, node: Node | None) -> bool:
    if node is not None and not is_blank(node.value):
        return True
    return job == JOB_NAME and (node is None or node.value is not False)
