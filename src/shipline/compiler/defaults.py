"""`default:` (and the same keys at the top, their old place), and what a job takes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shipline.compiler.fields import Fields, Reader, is_texts, shown
from shipline.compiler.keywords.artifacts import read_artifacts
from shipline.compiler.keywords.cache import read_caches
from shipline.compiler.keywords.images import read_image, read_services
from shipline.compiler.keywords.retry import read_retry
from shipline.compiler.keywords.scripts import read_hooks
from shipline.compiler.keywords.tokens import read_id_tokens, read_identity
from shipline.compiler.nodes import Node

# The old places of what belongs under `default:`; still valid.
AT_THE_TOP = ("image", "services", "before_script", "after_script", "cache")
Taken = bool | tuple[str, ...]


def _tags(reader: Reader, node: Node, path: str) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(reader.texts(node, path)))
    if len(tags) >= reader.limits.tags:
        reader.wrong(node, path, f"config must be less than the limit of {reader.limits.tags} tags")
    return tags


def _timeout(reader: Reader, node: Node, path: str) -> int | None:
    return reader.duration(node, f"{path} config", limit=reader.limits.timeout_seconds)


# Of each key: the field that it fills, and its reader.
_Read = Callable[[Reader, Node, str], Any]
READERS: dict[str, tuple[str, _Read]] = {
    "after_script": ("after_script", lambda reader, node, path: reader.lines(node, path)),
    "artifacts": ("artifacts", read_artifacts),
    "before_script": ("before_script", lambda reader, node, path: reader.lines(node, path)),
    "cache": ("cache", read_caches),
    "hooks": ("pre_get_sources_script", read_hooks),
    "id_tokens": ("id_tokens", read_id_tokens),
    "identity": ("identity", read_identity),
    "image": ("image", read_image),
    "interruptible": ("interruptible", lambda reader, node, path: reader.boolean(node, path)),
    "retry": ("retry", lambda reader, node, path: read_retry(reader, node)),
    "services": ("services", read_services),
    "tags": ("tags", _tags),
    "timeout": ("timeout", _timeout),
}
KEYS = tuple(READERS)
# A trigger has no others of these.
OF_TRIGGERS = ("interruptible",)
# GitLab checks a default timeout, but gives it to no job.
NOT_TAKEN = ("timeout",)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Values by their keyword."""

    found: Mapping[str, Any] = field(default_factory=dict)

    def values(self, fields: Fields, takes: Taken, *, runs: bool) -> dict[str, Any]:
        """A job's fields: its own values, else those of `default`, which they replace whole."""
        made: dict[str, Any] = {}
        for key in KEYS if runs else OF_TRIGGERS:
            name, read = READERS[key]
            item = fields.given(key)
            if item is not None:
                value = read(fields.reader, item, f"{fields.path}:{key}")
            elif key in self.found and (takes is True or (takes and key in takes)):
                value = self.found[key]
            else:
                continue
            if value is not None:
                made[name] = value
        return made


def read_defaults(reader: Reader, root: Node, node: Node | None) -> Defaults:
    """`node` is `default:`, unless that is a job. A wrong value is told once, here, and not of every job."""
    found: dict[str, Any] = {}
    given: Fields | None = None
    if node is not None and node.value is not None and reader.is_hash(node, "default"):
        reader.known_keys(node, "default", KEYS)
        given = Fields(reader, node, "default")
        for key in KEYS:
            item = given.given(key)
            if item is not None:
                _take(reader, found, key, item, f"default:{key}")
    for key in AT_THE_TOP:
        item = root.value.get(key)
        if item is None or item.value is None:
            continue
        if given is not None and given.given(key) is not None:
            reader.wrong(root.key(key), key, "is defined in top-level and `default:` entry")
        _take(reader, found, key, item, key)
    return Defaults(found)


def _take(reader: Reader, found: dict[str, Any], key: str, node: Node, path: str) -> None:
    value = READERS[key][1](reader, node, path)
    if key in NOT_TAKEN:
        reader.note(node, f"{path} is checked, but GitLab gives it to no job: write it in the jobs")
    elif value is not None:
        found[key] = value


def inherited(reader: Reader, node: Node, path: str) -> tuple[Taken, Taken]:
    """What `inherit` lets through of the defaults, and of the global variables."""
    item = node.value.get("inherit")
    if item is None or item.value is None:
        return True, True
    fields = reader.fields(item, f"{path}:inherit", ("default", "variables"))
    if fields is None:
        return True, True
    return _taken(fields, "default", KEYS), _taken(fields, "variables", None)


def _taken(fields: Fields, key: str, known: tuple[str, ...] | None) -> Taken:
    item = fields.given(key)
    if item is None:
        return True
    if isinstance(item.value, bool):
        return item.value
    path = f"{fields.path}:{key}"
    if not isinstance(item.value, list):
        fields.reader.wrong(item, path, "should be a bool or array of strings")
        return False
    names = fields.reader.texts(item, path)
    unknown = [entry.plain() for entry in item if known is not None and entry.value not in known]
    if unknown and (is_texts(item) or known is not None):
        fields.reader.wrong(item, path, f"config contains unknown values: {shown(unknown)}")
    return names
