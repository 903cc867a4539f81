"""`!reference [job, key, ...]`, resolved after `extends`, so that it sees the extended job. Pure.

References may chain without limit; each path is resolved once, and without recursion along the chain.
"""

from __future__ import annotations

from collections.abc import Iterator

from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Node, Reference
from shipline.compiler.problems import Problems
from shipline.compiler.sizes import Sizes

Path = tuple[str, ...]
TOO_BIG = "The parsed YAML is too big"


def resolve_references(root: Node, problems: Problems, limits: Limits = DEFAULT_LIMITS) -> Node:
    """Every reference replaced by what it refers to; by null where that is wrong."""
    if next(_references(root), None) is None:
        return root
    resolving = _Resolving(root, problems, limits)
    values = {}
    for name, node in root.value.items():
        for reference in _references(node):
            resolving.resolve(reference)
        values[name] = resolving.replaced(node)
    return root.holding(values)


class _Resolving:
    def __init__(self, root: Node, problems: Problems, limits: Limits) -> None:
        self.root = root
        self.problems = problems
        self.limits = limits
        self.done: dict[Path, Node | None] = {}
        self.sizes = Sizes()
        self.added = 0

    def resolve(self, reference: Node) -> None:
        """This one, after all that its target refers to."""
        steps = [(reference, False)]
        open_paths: set[Path] = set()
        while steps:
            node, is_ready = steps.pop()
            path = node.value.path
            if is_ready:
                open_paths.discard(path)
                self._finish(node, path)
            elif not path:
                self._wrong(node, "is not valid")
            elif path in open_paths:
                self._wrong(node, "is part of a circular chain")
            elif path not in self.done:
                target = self._target(path)
                if target is None:
                    self._wrong(node, "could not be found")
                    self.done[path] = None
                    continue
                open_paths.add(path)
                steps.append((node, True))
                steps += [(inner, False) for inner in reversed(list(_references(target)))]

    def replaced(self, node: Node) -> Node:
        """With every reference replaced; what holds none stays the same node."""
        value = node.value
        if isinstance(value, Reference):
            found = self.done.get(value.path) if value.path else None
            return node.holding(None) if found is None else found
        if isinstance(value, dict):
            made = {key: self.replaced(item) for key, item in value.items()}
            same = all(made[key] is value[key] for key in made)
            return node if same else node.holding(made)
        if isinstance(value, list):
            items = [self.replaced(item) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return node if same else node.holding(items)
        return node

    def _finish(self, node: Node, path: Path) -> None:
        target = self._target(path)
        assert target is not None
        found = self.replaced(target)
        size, height = self.sizes.of(found)
        self.added += size
        if height > self.limits.depth or self.added > self.limits.merged_bytes:
            self.problems.add(node, TOO_BIG)
            self.done[path] = None
        else:
            self.done[path] = found

    def _target(self, path: Path) -> Node | None:
        """Looked up in what was written: a path cannot lead through another reference."""
        found: Node | None = self.root
        for part in path:
            found = found.value.get(part) if found is not None and isinstance(found.value, dict) else None
        return None if found is None or found.value is None or found.value is False else found

    def _wrong(self, node: Node, text: str) -> None:
        self.problems.add(node, f"{node.value.written} {text}")


def _references(node: Node) -> Iterator[Node]:
    """In the order in which they stand."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        value = one.value
        kind = type(value)
        if kind is dict:
            waiting.extend(reversed(value.values()))
        elif kind is list:
            waiting.extend(reversed(value))
        elif kind is Reference:
            yield one
