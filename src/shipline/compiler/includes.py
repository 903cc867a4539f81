"""`include:local`, and merging what was included. Pure: the files are an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

from shipline.compiler.documents import load_documents
from shipline.compiler.globs import any_match
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node, YamlError
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.sources import Sources

_OTHER_KINDS = ("project", "remote", "template", "component", "artifact")


@dataclass
class Includer:
    """Loads a file with all it includes."""

    sources: Sources
    limits: Limits
    problems: Problems
    count: int = 0
    open: list[str] = field(default_factory=list)

    def expand(self, root: Node) -> Node:
        """`root` over everything that it includes, with `include` itself gone."""
        if not isinstance(root.value, dict) or "include" not in root.value:
            return root
        merged: Node | None = None
        for included in self._included(root.value["include"], root):
            merged = included if merged is None else merge(merged, included)
        own = Node(
            {k: v for k, v in root.value.items() if k != "include"},
            root.file,
            root.line,
            root.column,
            root.keys,
        )
        return own if merged is None else merge(merged, own)

    def _included(self, include: Node, root: Node) -> list[Node]:
        entries = include.value if isinstance(include.value, list) else [include]
        if include.value is None:
            return []
        found: list[Node] = []
        for entry in entries:
            path = self._path(entry)
            if path is None:
                continue
            for file in self._files(path):
                loaded = self._load(entry, file)
                if loaded is not None:
                    found.append(loaded)
        return found

    def _path(self, entry: Node) -> str | None:
        value = entry.value
        if isinstance(value, str):
            if value.startswith(("http://", "https://")):
                self.problems.unsupported(entry, "include:remote")
                return None
            return value
        if not isinstance(value, dict):
            self.problems.add(entry, "Each include must be a hash or a string")
            return None
        for kind in _OTHER_KINDS:
            if kind in value:
                self.problems.unsupported(entry.key(kind), f"include:{kind}")
                return None
        for key in value:
            if key != "local":
                self.problems.unsupported(entry.key(key), f"include:{key}")
                return None
        local = value.get("local")
        if local is None or not isinstance(local.value, str):
            self.problems.add(entry, "Each include must be a hash or a string")
            return None
        return local.value

    def _files(self, path: str) -> list[str]:
        clean = path.lstrip("/")
        if "*" not in clean:
            return [clean]
        pattern = clean.replace("**.", "**/*.")
        return sorted(file for file in self.sources.tracked() if any_match([pattern], [file]))

    def _load(self, entry: Node, file: str) -> Node | None:
        if not file.endswith((".yml", ".yaml")):
            self.problems.add(entry, f"Included file `{file}` does not have YAML extension!")
            return None
        self.count += 1
        if self.count > self.limits.includes:
            self.problems.add(entry, f"Maximum of {self.limits.includes} nested includes are allowed!")
            return None
        content = self.sources.local(file)
        if content is None:
            self.problems.add(entry, f"Local file `{file}` does not exist!")
            return None
        if not content.strip():
            self.problems.add(entry, f"Local file `{file}` is empty!")
            return None
        try:
            tree = load_documents(file, content, self.limits).body
        except YamlError as error:
            self.problems.found.append(Problem(f"`{file}`: {error.message}", file, error.line, error.column))
            return None
        if not tree.value:
            self.problems.add(tree, f"Included file `{file}` does not have valid YAML syntax!")
            return None
        if file in self.open:
            return None
        self.open.append(file)
        try:
            return self.expand(tree)
        finally:
            self.open.pop()


def merge(base: Node, over: Node) -> Node:
    """`over` laid over `base`: hashes are merged, everything else is replaced."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    values = dict(base.value)
    for key, node in over.value.items():
        values[key] = merge(values[key], node) if key in values else node
    return Node(values, over.file, over.line, over.column, {**base.keys, **over.keys})
