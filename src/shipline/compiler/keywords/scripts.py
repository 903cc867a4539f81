"""`hooks` and `run`; scripts themselves are read by Reader.lines. Pure."""

from __future__ import annotations

from typing import Any

from shipline.compiler.fields import Reader, plain
from shipline.compiler.nodes import Node

STEP_KINDS = ("script", "step", "func")
STEP_KEYS = ("name", "env", "inputs", *STEP_KINDS)
# Of each kind of place: the keys that it must have, and those that it may have.
_STEP_PLACES = {
    "git": (("url", "rev"), ("url", "rev", "dir", "file")),
    "oci": (("registry", "repository", "tag"), ("registry", "repository", "tag", "dir", "file")),
}


def read_hooks(reader: Reader, node: Node, path: str) -> tuple[str, ...]:
    """The lines of `pre_get_sources_script`, the only hook that there is."""
    fields = reader.fields(node, path, ("pre_get_sources_script",))
    if fields is None:
        return ()
    return reader.lines(fields.given("pre_get_sources_script"), f"{path}:pre_get_sources_script") or ()


def read_run(reader: Reader, node: Node, path: str) -> tuple[Any, ...]:
    """Steps; each with a name and one thing to do. GitLab checks them by a JSON schema, whose words these are."""
    if not isinstance(node.value, list):
        reader.wrong(node, path, "run '' must be a valid 'array'")
        return ()
    for position, step in enumerate(node.value):
        _check_step(reader, step, path, f"/{position}")
    return tuple(plain(step) for step in node)


def _check_step(reader: Reader, node: Node, path: str, at: str) -> None:
    def wrong(where: str, kind: str) -> None:
        reader.wrong(node, path, f"run '{where}' must be a valid '{kind}'")

    if not isinstance(node.value, dict):
        wrong(at, "object")
        return
    for key, item in node.value.items():
        if key not in STEP_KEYS:
            wrong(f"{at}/{key}", "schema")
        elif key in ("name", "script", "func") and not isinstance(item.value, str):
            wrong(f"{at}/{key}", "string")
        elif key in ("env", "inputs") and not isinstance(item.value, dict):
            wrong(f"{at}/{key}", "object")
        elif key == "env" and any(not isinstance(value.value, str) for value in item.value.values()):
            wrong(f"{at}/{key}", "string")
        elif key == "step" and not _is_step(item):
            wrong(f"{at}/{key}", "oneof")
    if "name" not in node.value:
        wrong(at, "required")
    if len([key for key in STEP_KINDS if key in node.value]) != 1:
        wrong(at, "oneof")


def _is_step(node: Node) -> bool:
    """A reference in one text, or where in a git repository or a registry the step lies."""
    if not isinstance(node.value, dict):
        return isinstance(node.value, str)
    if len(node.value) != 1:
        return False
    ((kind, place),) = node.value.items()
    required, known = _STEP_PLACES.get(kind, ((), ()))
    return (
        isinstance(place.value, dict) and bool(required) and set(required) <= set(place.value) <= set(known)
    )
