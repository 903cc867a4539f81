"""The configuration as a tree before `extends`: what shows where a value was written. Pure."""

from __future__ import annotations

from shipline.compiler.documents import load_documents
from shipline.compiler.includes import Includer
from shipline.compiler.limits import DEFAULT_LIMITS
from shipline.compiler.nodes import Node, YamlError
from shipline.compiler.problems import Problems
from shipline.compiler.sources import Sources


def before_extends(path: str, text: bytes, sources: Sources) -> Node | None:
    """With everything included. None when it is no configuration."""
    try:
        body = load_documents(path, text, DEFAULT_LIMITS).body
    except YamlError:
        return None
    return Includer(sources, DEFAULT_LIMITS, Problems(), open=[path]).expand(body)
