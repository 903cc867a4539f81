"""`extends`, for every top-level hash. Pure.

As in GitLab the key itself stays where it is. What a hash extends is merged once, however many extend it.
"""

from __future__ import annotations

from typing import Any

from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.merging import merge
from shipline.compiler.nodes import NO_KEYS, Node, Reference
from shipline.compiler.problems import Problems
from shipline.compiler.ruby import inspect, to_s
from shipline.compiler.sizes import Sizes

TOO_BIG = "The parsed YAML is too big"
TOO_DEEP = "nesting too deep in `extends`"


def resolve_extends(root: Node, problems: Problems, limits: Limits = DEFAULT_LIMITS) -> Node:
    """Every top-level hash laid over the ones that it extends, later ones over earlier ones."""
    extending = _Extending(root, problems, limits)
    return root.holding({name: extending.resolve(name, ()) for name in root.value})


class _Extending:
    def __init__(self, root: Node, problems: Problems, limits: Limits) -> None:
        self.hashes: dict[str, Node] = root.value
        self.problems = problems
        self.limits = limits
        self.done: dict[str, Node] = {}
        # How many hashes that extend something lie in the longest chain below, with the hash itself.
        self.levels: dict[str, int] = {}
        self.bases: dict[tuple[str, ...], Node] = {}
        self.sizes = Sizes()
        self.merged = 0

    def resolve(self, name: str, ancestors: tuple[str, ...]) -> Node:
        if name in ancestors:
            self._wrong(name, "circular dependency detected in `extends`")
            return _nothing(self.hashes[name])
        if name not in self.done:
            self.done[name] = self._resolved(name, ancestors)
        return self.done[name]

    def _resolved(self, name: str, ancestors: tuple[str, ...]) -> Node:
        node = self.hashes[name]
        self.levels[name] = 0
        if not isinstance(node.value, dict) or "extends" not in node.value:
            return node
        parents = _parents(node.value["extends"])
        unknown = [parent for parent in parents if parent not in self.hashes]
        if unknown:
            self._wrong(name, f"unknown keys in `extends` ({', '.join(unknown)})")
            return node
        invalid = [parent for parent in parents if not isinstance(self.hashes[parent].value, dict)]
        if invalid:
            self._wrong(name, f"invalid base hashes in `extends` ({', '.join(invalid)})")
            return node
        if len(ancestors) >= self.limits.extends_levels:
            self._wrong(name, TOO_DEEP)
            return node
        base = self._base(parents, (*ancestors, name))
        self.levels[name] = 1 + max((self.levels.get(parent, 0) for parent in parents), default=0)
        if self.levels[name] > self.limits.extends_levels:
            self._wrong(self._deepest(name), TOO_DEEP)
            self.levels[name] = 0
            return node
        return node if base is None else self._merged(name, base, node)

    def _base(self, parents: tuple[str, ...], ancestors: tuple[str, ...]) -> Node | None:
        known = self.bases.get(parents)
        if known is not None:
            return known
        base: Node | None = None
        for parent in parents:
            found = self.resolve(parent, ancestors)
            base = found if base is None else merge(base, found)
        if base is not None:
            self.bases[parents] = base
        return base

    def _merged(self, name: str, base: Node, node: Node) -> Node:
        """Bounded, for a text of two megabytes could say fifty thousand times that half of it is extended."""
        self.merged += self.sizes.of(base)[0]
        if self.merged > self.limits.merged_bytes:
            self._wrong(name, TOO_BIG)
            return node
        return merge(base, node)

    def _deepest(self, name: str) -> str:
        """The hash that lies one level too deep."""
        for _ in range(self.limits.extends_levels):
            parents = _parents(self.hashes[name].value["extends"])
            name = max(parents, key=lambda parent: self.levels.get(parent, 0))
        return name

    def _wrong(self, name: str, text: str) -> None:
        words = text if text == TOO_BIG else f"{name}: {text}"
        self.problems.add(self.hashes[name].value["extends"], words, job=name)


def _parents(extends: Node) -> tuple[str, ...]:
    """As Ruby makes a list of it: what is no text is named as Ruby prints it, and never found."""
    if extends.value is None:
        return ()
    if isinstance(extends.value, list):
        return tuple(_name(item.plain()) for item in extends)
    return (_name(extends.plain()),)


def _name(value: Any) -> str:
    if isinstance(value, Reference):
        return value.written
    return to_s(value) if not isinstance(value, dict | list) else inspect(value)


def _nothing(node: Node) -> Node:
    return Node({}, node.file, node.line, node.column, NO_KEYS)
