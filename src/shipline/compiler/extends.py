"""`extends` and `!reference`, resolved for every top-level hash. Pure."""

from __future__ import annotations

from shipline.compiler.includes import merge
from shipline.compiler.nodes import Node, Reference
from shipline.compiler.problems import Problems

EXTENDS_LIMIT = 11
DEPTH_LIMIT = 100


def resolve_extends(root: Node, problems: Problems) -> Node:
    """Every top-level hash laid over the ones that it extends."""
    done: dict[str, Node] = {}

    def resolve(name: str, path: tuple[str, ...]) -> Node:
        if name in done:
            return done[name]
        node: Node = root.value[name]
        parents = _parents(node)
        if not parents:
            done[name] = node
            return node
        extends = node.value["extends"]
        if len(path) >= EXTENDS_LIMIT:
            problems.add(extends, f"{path[0]}: nesting too deep in `extends`", job=path[0])
            return node
        base: Node | None = None
        for parent in parents:
            if parent in (*path, name):
                problems.add(extends, f"{name}: circular dependency detected in `extends`", job=name)
                continue
            found = root.value.get(parent)
            if found is None:
                problems.add(extends, f"{name}: unknown keys in `extends` ({parent})", job=name)
                continue
            if not isinstance(found.value, dict):
                problems.add(extends, f"{name}: invalid base hashes in `extends` ({parent})", job=name)
                continue
            resolved = _without_extends(resolve(parent, (*path, name)))
            base = resolved if base is None else merge(base, resolved)
        own = _without_extends(node)
        done[name] = own if base is None else merge(base, own)
        return done[name]

    values = {
        name: resolve(name, ()) if isinstance(node.value, dict) else node for name, node in root.value.items()
    }
    return Node(values, root.file, root.line, root.column, root.keys)


def _parents(node: Node) -> list[str]:
    extends = node.value.get("extends") if isinstance(node.value, dict) else None
    if extends is None:
        return []
    if isinstance(extends.value, str):
        return [extends.value]
    return [item.value for item in extends if isinstance(item.value, str)]


def _without_extends(node: Node) -> Node:
    if "extends" not in node.value:
        return node
    values = {key: value for key, value in node.value.items() if key != "extends"}
    return Node(values, node.file, node.line, node.column, node.keys)


def resolve_references(root: Node, problems: Problems) -> Node:
    """Every `!reference` replaced by what it refers to."""

    def resolve(node: Node, path: tuple[Reference, ...], depth: int) -> Node:
        value = node.value
        if isinstance(value, Reference):
            return _follow(node, value, path, depth)
        if depth > DEPTH_LIMIT:
            return node
        if isinstance(value, dict):
            made = {key: resolve(item, path, depth + 1) for key, item in value.items()}
            if all(made[key] is value[key] for key in made):
                return node
            return Node(made, node.file, node.line, node.column, node.keys)
        if isinstance(value, list):
            items = [resolve(item, path, depth + 1) for item in value]
            if all(new is old for new, old in zip(items, value, strict=True)):
                return node
            return Node(items, node.file, node.line, node.column)
        return node

    def _follow(node: Node, reference: Reference, path: tuple[Reference, ...], depth: int) -> Node:
        written = reference.written
        if not reference.path:
            problems.add(node, f"{written} is not valid")
            return Node(None, node.file, node.line, node.column)
        if reference in path:
            problems.add(node, f"{written} is part of a circular chain")
            return Node(None, node.file, node.line, node.column)
        target: Node | None = root
        for part in reference.path:
            target = target.value.get(part) if target is not None and isinstance(target.value, dict) else None
        if target is None or target.value in (None, False):
            problems.add(node, f"{written} could not be found")
            return Node(None, node.file, node.line, node.column)
        return resolve(target, (*path, reference), depth + 1)

    return resolve(root, (), 0)
