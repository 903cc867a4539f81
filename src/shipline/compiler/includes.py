"""A file with all that it includes, merged into one tree. Pure: the files are an argument.

Each file is made ready on its own (inputs, interpolation), then its includes are fetched and laid over one
another in order, and the file itself over them. Limits count over all files together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from shipline.compiler.documents import Documents, load_documents
from shipline.compiler.expression import compiled
from shipline.compiler.facts import PushFacts
from shipline.compiler.fetching import Fetched, Place, fetch, masked
from shipline.compiler.include_entries import (
    HEADER_KINDS,
    IncludeError,
    Wanted,
    entries_of,
    faults_of_entry,
    normal,
    wanted_files,
)
from shipline.compiler.include_rules import is_included
from shipline.compiler.limits import Limits
from shipline.compiler.merging import merge, without
from shipline.compiler.nodes import Node, YamlError
from shipline.compiler.prepared import FileError, Given, prepare
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.sources import Sources
from shipline.compiler.visible import for_includes
from shipline.model.variable import Variable


def load_all(
    path: str,
    text: str | bytes,
    facts: PushFacts,
    sources: Sources,
    limits: Limits,
    inputs: Mapping[str, Any],
    problems: Problems,
) -> Node | None:
    """The configuration before `extends`, with `include` gone. None when the file itself cannot be read;
    what is wrong in others is in `problems` and left out."""
    if not text.strip():
        problems.put(Problem("Please provide content of .gitlab-ci.yml", path))
        return None
    loading = _Loading(facts, limits, problems)
    place = Place(sources, is_own=True)
    try:
        root = prepare(path, text, loading.given(dict(inputs), place), limits)
        return loading.expand(root, place, top=True)
    except YamlError as error:
        problems.put(Problem(error.message, path, error.line, error.column))
    except FileError as error:
        problems.add(error.node, error.message)
    except IncludeError as error:
        problems.add(error.node, error.message, hint=error.hint)
    except _Stop:
        pass
    return None


class _Stop(Exception):
    """A limit of all files together is reached: nothing more is fetched."""


@dataclass
class _Loading:
    facts: PushFacts
    limits: Limits
    problems: Problems
    count: int = 0
    size: int = 0
    values: Mapping[str, str] = field(init=False)
    variables: Mapping[str, Variable] = field(init=False)
    loaded: dict[tuple[str, str | bytes], Documents] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = for_includes(self.facts)
        known = (*self.facts.predefined, *self.facts.settings)
        self.variables = {variable.key: variable for variable in known if variable.key in self.values}

    def given(self, inputs: Any, place: Place) -> Given:
        fetch_inputs = partial(self._header_inputs, place=place)
        return Given(self.load, inputs, place.component, self.variables, fetch_inputs)

    def load(self, file: str, text: str | bytes) -> Documents:
        """A file that is included again and again is read once."""
        known = self.loaded.get((file, text))
        if known is None:
            known = self.loaded[file, text] = load_documents(file, text, self.limits)
        return known

    def expand(self, root: Node, place: Place, *, top: bool = False) -> Node:
        """`root` over everything that it includes."""
        include = root.value.get("include")
        if include is None:
            return root
        merged: Node | None = None
        told = len(self.problems.found)
        wanted = self._wanted(include, place)
        for one in wanted:
            self._count(one)
        for one in wanted:
            tree = self._tree(one, place)
            if tree is not None:
                merged = tree if merged is None else merge(merged, tree)
        if top and not wanted and len(self.problems.found) == told:
            self._check_entries(include)
        own = without(root, "include")
        return own if merged is None else merge(without(merged, "include"), own)

    def _wanted(self, include: Node, place: Place) -> list[Wanted]:
        """All files of an `include`; entries that are wrong become problems."""
        facts = self.facts if place.is_own else replace(self.facts, tracked_paths=place.tracked)
        wanted: list[Wanted] = []
        for written in entries_of(include):
            try:
                entry = normal(written, self.values)
                if is_included(entry, self.values, facts, self.limits):
                    wanted += wanted_files(entry, self.values, partial(_matching, place))
            except IncludeError as error:
                self._tell(error)
        return wanted

    def _count(self, wanted: Wanted) -> None:
        self.count += 1
        if self.count > self.limits.includes:
            text = f"Maximum of {self.limits.includes} nested includes are allowed!"
            self.problems.add(wanted.node, text)
            raise _Stop

    def _tree(self, wanted: Wanted, place: Place) -> Node | None:
        """A fetched file with all that it includes; None, and a problem, when something is wrong."""
        try:
            fetched = fetch(wanted, place, self.variables)
            tree = self._prepared(wanted, fetched)
            self._weigh(wanted, fetched)
        except IncludeError as error:
            self._tell(error)
            return None
        if tree is None:
            return None
        told = len(self.problems.found)
        tree = self.expand(tree, fetched.place)
        if not tree.value and len(self.problems.found) == told:
            text = (
                f"Included file `{masked(wanted.location, self.variables)}` does not have valid YAML syntax!"
            )
            self.problems.add(wanted.node, text)
        return tree

    def _prepared(self, wanted: Wanted, fetched: Fetched) -> Node | None:
        location = masked(wanted.location, self.variables)
        inputs = wanted.inputs.plain() if wanted.inputs is not None else None
        try:
            return prepare(fetched.file, fetched.content, self.given(inputs, fetched.place), self.limits)
        except YamlError as error:
            self.problems.put(
                Problem(f"`{location}`: {error.message}", fetched.file, error.line, error.column)
            )
        except FileError as error:
            self.problems.add(error.node, f"`{location}`: {error.message}")
        return None

    def _weigh(self, wanted: Wanted, fetched: Fetched) -> None:
        self.size += len(fetched.content)
        if self.size > self.limits.total_bytes:
            self.problems.add(wanted.node, "Total size of combined CI/CD configuration is too big")
            raise _Stop

    def _header_inputs(
        self, include: Node, inline: Mapping[str, Node], *, place: Place
    ) -> Mapping[str, Node]:
        """`spec:include`: the inputs of other files, together with the file's own."""
        if place.component_address:
            text = f"Component `{place.component_address}` cannot use `spec:include`. "
            raise FileError([f"{text}This keyword is not supported in components"], include)
        found: list[Mapping[str, Node]] = []
        try:
            for entry in entries_of(include):
                known = normal(entry, self.values)
                for wanted in wanted_files(known, self.values, partial(_matching, place), HEADER_KINDS):
                    self._count(wanted)
                    found.append(self._inputs_of(wanted, place))
        except IncludeError as error:
            raise FileError([error.message], error.node) from error
        found.append(inline)
        names = [name for inputs in found for name in inputs]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            text = f"Duplicate input keys found: {', '.join(twice)}. "
            text += "Input keys must be unique across all included files and inline specifications."
            raise FileError([text], include)
        return {name: node for inputs in found for name, node in inputs.items()}

    def _inputs_of(self, wanted: Wanted, place: Place) -> Mapping[str, Node]:
        fetched = fetch(wanted, place, self.variables)
        tree = self._prepared(wanted, fetched)
        if tree is None:
            raise _Stop
        unknown = [key for key in tree.value if key != "inputs"]
        location = masked(wanted.location, self.variables)
        if unknown:
            keys = ", ".join(f":{key}" for key in unknown)
            text = f"Header include file `{location}` contains unknown keys: [{keys}]"
            raise IncludeError(text, tree.key(unknown[0]))
        inputs = tree.value.get("inputs")
        return inputs.value if inputs is not None and isinstance(inputs.value, dict) else {}

    def _check_entries(self, include: Node) -> None:
        for entry in include.value if isinstance(include.value, list) else [include]:
            if isinstance(entry.value, dict):
                for node, text in faults_of_entry(entry):
                    self.problems.add(node, text)

    def _tell(self, error: IncludeError) -> None:
        self.problems.add(error.node, error.message, hint=error.hint)


def _matching(place: Place, pattern: str) -> list[str]:
    """Files that a wildcard stands for: `*` stays in a folder, `**` reaches over slashes."""
    parts = re.split(r"(\*\*|\*)", pattern.lstrip("/"))
    written = "".join({"**": ".*", "*": "[^/]*"}.get(part) or re.escape(part) for part in parts)
    matcher = compiled(f"(?s){written}")
    return sorted(path for path in place.tracked() if matcher is not None and matcher.fullmatch(path))
