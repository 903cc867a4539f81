"""The configuration as a tree, before and after `extends`. Pure."""

from __future__ import annotations

from shipline.compiler.compile import Compiled
from shipline.compiler.documents import load_documents
from shipline.compiler.extends import resolve_extends, resolve_references
from shipline.compiler.includes import Includer
from shipline.compiler.limits import DEFAULT_LIMITS
from shipline.compiler.nodes import Node, YamlError
from shipline.compiler.problems import Problems
from shipline.compiler.sources import Sources


def before_extends(path: str, text: bytes, sources: Sources) -> Node | None:
    """With everything included: what shows where a value was written. None when it is no configuration."""
    try:
        root = load_documents(path, text, DEFAULT_LIMITS).body
    except YamlError:
        return None
    return Includer(sources, DEFAULT_LIMITS, Problems(), open=[path]).expand(root)


def merged_tree(compiled: Compiled, path: str, text: bytes, sources: Sources) -> Node | None:
    """After include, extends and references: what GitLab prints as merged_yaml."""
    known: Node | None = getattr(compiled, "merged", None)
    if known is not None:
        return known
    tree, problems = before_extends(path, text, sources), Problems()
    return resolve_references(resolve_extends(tree, problems), problems) if tree is not None else None
