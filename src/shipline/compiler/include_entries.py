"""The entries of `include`: what each one asks for, before any file is fetched. Pure.

In GitLab's order: a plain text gets its variables and becomes local or remote; rules decide; wildcards become
files; the other variables are expanded, unknown ones to nothing; then each entry must be of just one kind.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shipline.compiler.nodes import Node
from shipline.compiler.ruby import to_json, to_s
from shipline.model.expansion import expand

KINDS = ("local", "project", "remote", "template", "artifact", "component")
HEADER_KINDS = ("local", "remote", "project")
KEYS = (
    "local", "file", "remote", "project", "ref", "integrity", "template", "artifact", "inputs", "job", "rules",
    "component", "cache",
)  # fmt: skip
_URL = re.compile(r"(?:https?|ssh|git)://\S+", re.IGNORECASE)


class IncludeError(Exception):
    """GitLab's words about an entry."""

    def __init__(self, message: str, node: Node, *, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.node, self.hint = message, node, hint


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to fetch. `location` is what was written for its kind, of any type; `other` has the further
    keys, as plain values; `inputs` are what is given to the file."""

    node: Node
    kind: str
    location: Any
    other: Mapping[str, Any]
    inputs: Node | None = None


def entries_of(include: Node | None) -> list[Node]:
    if include is None or include.value is None:
        return []
    listed = include.value if isinstance(include.value, list) else [include]
    return [entry for entry in listed if entry.value is not None]


def normal(entry: Node, values: Mapping[str, str]) -> Node:
    """An entry as a mapping. Raises IncludeError."""
    if isinstance(entry.value, dict):
        return entry
    if not isinstance(entry.value, str):
        raise IncludeError("Each include must be a hash or a string", entry)
    location = expand(entry.value, values.get)
    kind = "remote" if _URL.fullmatch(location) else "local"
    return entry.holding({kind: Node(location, entry.file, entry.line, entry.column)})


def wanted_files(
    entry: Node,
    values: Mapping[str, str],
    files: Callable[[str], Iterable[str]],
    kinds: tuple[str, ...] = KINDS,
) -> list[Wanted]:
    """The files that an entry stands for. `files` lists those that match a wildcard. Raises IncludeError."""
    found = {key: item.plain() for key, item in entry.value.items() if key not in ("inputs", "rules")}
    if found.get("project"):
        spread = [{**found, "file": file} for file in _listed(found.get("file"))]
    elif isinstance(found.get("local"), str) and "*" in found["local"]:
        spread = [{**found, "local": file} for file in files(found["local"])]
    else:
        spread = [found]
    return [_wanted(entry, _expanded(one, values), kinds) for one in spread]


def _wanted(entry: Node, found: dict[str, Any], kinds: tuple[str, ...]) -> Wanted:
    of_kind = [kind for kind in kinds if _is_given(found, kind)]
    names = "`, `".join(kinds)
    what = "include" if kinds == KINDS else "header include"
    if not of_kind:
        written = to_json({**found, **_unexpanded(entry)})
        text = f"`{written}` does not have a valid subkey for {what}. Valid subkeys are: `{names}`"
        raise IncludeError(text, entry)
    if len(of_kind) > 1:
        raise IncludeError(f"Each {what} must use only one of: `{names}`", entry)
    kind = of_kind[0]
    location = found["file"] if kind == "project" else found[kind]
    if kind in ("local", "project") and isinstance(location, str):
        location = location.lstrip("/")
    return Wanted(entry, kind, location, found, entry.value.get("inputs"))


def _is_given(found: Mapping[str, Any], kind: str) -> bool:
    if kind == "project":
        return _is_present(found.get("project")) and _is_present(found.get("file"))
    return _is_present(found.get(kind))


def _is_present(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, False, [], {})


def _unexpanded(entry: Node) -> dict[str, Any]:
    return {key: entry.value[key].plain() for key in ("inputs", "rules") if key in entry.value}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _expanded(found: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    def one(value: Any) -> Any:
        if isinstance(value, list):
            return [expand(to_s(item), values.get) for item in value]
        return expand(value, values.get) if isinstance(value, str) else value

    return {key: one(value) for key, value in found.items()}


def faults_of_entry(entry: Node) -> list[tuple[Node, str]]:
    """What GitLab says of an entry that it looks at only when nothing at all was included."""
    path = "include:include"
    if isinstance(entry.value, str):
        return []
    found = {key: item.plain() for key, item in entry.value.items()}
    faults = []
    unknown = [key for key in found if key not in KEYS]
    if unknown:
        text = f"{path} config contains unknown keys: {', '.join(unknown)}".lower()
        faults.append((entry.key(unknown[0]), text))
    if found.get("project") and not _is_present(found.get("file")):
        faults.append((entry, f"{path} config must specify the file where to fetch the config from"))
    if found.get("artifact") and not _is_present(found.get("job")):
        faults.append((entry, f"{path} config must specify the job where to fetch the artifact from"))
    if found.get("integrity"):
        faults += [(entry, f"{path} config {text}") for text in _faults_of_integrity(found)]
    return faults


def _faults_of_integrity(found: Mapping[str, Any]) -> list[str]:
    integrity = found["integrity"]
    faults = (
        [] if _is_present(found.get("remote")) else ["integrity can only be specified for remote includes"]
    )
    if not isinstance(integrity, str) or not integrity.startswith("sha256-"):
        faults.append("integrity hash must start with 'sha256-'")
    elif _decoded(integrity) is None:
        faults.append("integrity hash must be base64 encoded")
    return faults


def digest_of(integrity: Any) -> bytes | None:
    """The SHA-256 that `integrity` names, None when it names none."""
    if not isinstance(integrity, str) or not integrity.startswith("sha256-"):
        return None
    return _decoded(integrity)


def _decoded(integrity: str) -> bytes | None:
    try:
        return base64.b64decode(integrity.removeprefix("sha256-"), validate=True)
    except (binascii.Error, ValueError):
        return None
