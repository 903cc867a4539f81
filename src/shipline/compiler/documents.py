"""The documents of a file: its header and its configuration. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.loading import Loader, Part
from shipline.compiler.nodes import Node, YamlError

# As quoted texts write it; there is no other way for one to come into a text.
_NUL = re.compile(r"\\(?:0|x00|u0000|U00000000)")
_SEPARATOR = re.compile(r"^---\s+", re.MULTILINE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Documents:
    """`header` is the document with `spec`, None where there is none; `body` may be an empty mapping."""

    header: Node | None
    body: Node


def load(file: str, text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Node:
    """The first document of `text`, whatever it holds. Raises YamlError."""
    part = _parts(_decode(text, limits), limits)[0]
    return _load(file, part, limits) or Node(None, file, 1, 1)


def load_documents(file: str, text: str | bytes, limits: Limits) -> Documents:
    """The header and the configuration. Raises YamlError, with GitLab's words.

    The header is the first of several documents when it has `spec`; then the last one is the configuration.
    """
    decoded = _decode(text, limits)
    loaded = [_load(file, part, limits) for part in _parts(decoded, limits)]
    documents = [node for node in loaded if node is not None]
    for node in documents:
        if not isinstance(node.value, dict):
            raise YamlError("Invalid configuration format", node.line, node.column)
    if not documents:
        return Documents(None, Node({}, file, 1, 1))
    if len(documents) > 1 and "spec" in documents[0].value:
        return Documents(documents[0], documents[-1])
    return Documents(None, documents[0])


def _decode(text: str | bytes, limits: Limits) -> str:
    if len(text) > limits.text_bytes:
        raise YamlError("The provided YAML is too big")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        size = len(decoded.encode())
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1 if isinstance(text, bytes) else 1
        reason = f"The file is not UTF-8 text: {error.reason} at byte {error.start}"
        raise YamlError(reason, line, 1) from error
    except UnicodeEncodeError as error:
        raise YamlError(
            f"The file is not UTF-8 text: {error.reason} at character {error.start}", 1, 1
        ) from error
    if size > limits.text_bytes:
        raise YamlError("The provided YAML is too big")
    return decoded


def _parts(text: str, limits: Limits) -> list[Part]:
    """GitLab cuts the text itself, before any YAML is read: the white space after `---` goes with it."""
    bounds = [0]
    ends = []
    for match in _SEPARATOR.finditer(text):
        if len(bounds) >= limits.documents:
            break
        ends.append(match.start())
        bounds.append(match.end())
    ends.append(len(text))
    return [
        Part(text[start:end], text.count("\n", 0, start), start - text.rfind("\n", 0, start) - 1)
        for start, end in zip(bounds, ends, strict=True)
    ]


def _load(file: str, part: Part, limits: Limits) -> Node | None:
    """None for a document that says nothing: no value, or an empty one."""
    root = Loader(file, part, limits).load()
    if root is not None and _NUL.search(part.text) is not None:
        _refuse_nul(root)
    return None if root is None or _is_blank(root.value) else root


def _refuse_nul(node: Node) -> None:
    """No variable, argument or name can hold one, and no database stores it."""
    if isinstance(node.value, dict):
        for name, value in node.value.items():
            _refuse_nul(node.key(name).holding(name))
            _refuse_nul(value)
    elif isinstance(node.value, list):
        for item in node.value:
            _refuse_nul(item)
    elif isinstance(node.value, str) and "\0" in node.value:
        raise YamlError("A text holds a NUL character, which cannot be stored", node.line, node.column)


def _is_blank(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is False or value in ([], {})
