"""From the options of a verb to a compiled pipeline. The only file here that knows how the compiler is called."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from shipline.cli.facts import CONFIG_NAME, Facts
from shipline.compiler import (
    CommitFacts,
    Compiled,
    Decision,
    MergeRequestFacts,
    ProjectFacts,
    PushFacts,
    RuleError,
    ServerFacts,
    UpstreamFacts,
    compile_pipeline,
    predefined_variables,
)
from shipline.compiler.includes import load_all
from shipline.compiler.limits import Limits, chosen_limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.compiler.sources import Component, Sources
from shipline.errors import UsageError
from shipline.model.variable import Variable
from shipline.sources.budget import Budget
from shipline.sources.folder import CommitFiles, Folder
from shipline.sources.git import Repository, repository_around
from shipline.sources.workspace import Elsewhere, Workspace

SERVER = ServerFacts("https://gitlab.example.com", "registry.example.com")
TEXT_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What came of it; `texts` are the files that were read, by the names that problems use."""

    compiled: Compiled
    push: PushFacts
    path: str
    texts: dict[str, bytes]
    sources: Sources
    inputs: Mapping[str, str]
    limits: Limits

    @property
    def included(self) -> Node | None:
        """With everything included, as it was before `extends`."""
        return load_all(
            self.path, self.texts[self.path], self.push, self.sources, self.limits, self.inputs, Problems()
        )

    @cached_property
    def _decisions(self) -> dict[str, Decision]:
        return {decision.job: decision for decision in self.compiled.decisions}

    def decision(self, job: str) -> Decision | None:
        return self._decisions.get(job)

    def why(self, job: str) -> str:
        """Which rule decided that a job is in this pipeline, or why it is not; "" when that is not known."""
        found = self.decision(job)
        return found.reason if found is not None else ""

    def decision_of_instance(self, job: str) -> Decision | None:
        """About the first of the jobs that `parallel` makes of this one."""
        starts = (f"{job} ", f"{job}: ")
        return next((found for found in self.compiled.decisions if found.job.startswith(starts)), None)

    def left_out(self) -> list[str]:
        """Jobs of the configuration that are not in this pipeline."""
        return [
            decision.job for decision in self.compiled.decisions if decision.job and not decision.included
        ]

    @property
    def occasion(self) -> str:
        """What the pipeline is for, in words."""
        if self.push.source == "merge_request_event":
            return f"a merge request from {self.push.ref}"
        what = "a push to" if self.push.source == "push" else f"{self.push.source} on"
        return f"the tag {self.push.ref}" if self.push.ref_type == "tag" else f"{what} {self.push.ref}"


def compile_for(facts: Facts) -> Outcome:
    """Compile the file for these facts. Raises UsageError when it cannot be read."""
    limits = chosen_limits(dict(facts.limits))
    # Trees have no cycles, and the command ends soon: looking for garbage would take a sixth of its time.
    gc.disable()
    root = _root(facts)
    text, path = _text(facts, root)
    texts = {path: text}
    folder = Folder(root, facts.tracked)

    elsewhere = Elsewhere(
        {project.lower(): path for project, path in facts.projects},
        facts.templates,
        facts.allow_private,
        Budget(limits.include_seconds),
    )
    sources = _Noted(folder, elsewhere, texts)
    push = _push(facts, root, sources)
    inputs = dict(facts.inputs)
    compiled = compile_pipeline(path, text, push, sources, limits, inputs=inputs)
    return Outcome(compiled, push, path, texts, sources, inputs, limits)


@dataclass(frozen=True, slots=True)
class _Noted(Workspace):
    """Keeps files as they are read, by the names that problems use, to show lines of them."""

    texts: dict[str, bytes]
    label: str = ""

    def local(self, path: str) -> bytes | None:
        content = self.files.local(path)
        if content is not None:
            self.texts[self.label + path] = content
        return content

    def project(self, project: str, ref: str | None) -> Workspace:
        label = f"{project}@{ref}:" if ref else f"{project}:"
        return self._of(Workspace(self.files, self.elsewhere).project(project, ref).files, label)

    def remote(self, url: str) -> bytes:
        content = self.texts[url] = Workspace(self.files, self.elsewhere).remote(url)
        return content

    def template(self, name: str) -> bytes | None:
        content = Workspace(self.files, self.elsewhere).template(name)
        if content is not None:
            self.texts[name] = content
        return content

    def component(self, host: str, path: str, name: str, version: str) -> Component:
        found = Workspace(self.files, self.elsewhere).component(host, path, name, version)
        label = f"{path}@{version}:"
        self.texts[label + found.path] = found.content
        inside = found.sources
        return (
            replace(found, sources=self._of(inside.files, label)) if isinstance(inside, Workspace) else found
        )

    def _of(self, files: Folder | CommitFiles, label: str) -> Workspace:
        return _Noted(files, self.elsewhere, self.texts, label)


def _root(facts: Facts) -> Path:
    """Where include:local begins."""
    if facts.root is not None:
        return facts.root
    here = Path.cwd()
    if str(facts.file) == "-":
        return here
    folder = facts.file.absolute().parent
    if facts.file.name == CONFIG_NAME:
        return folder
    around = repository_around(folder)
    if around is not None:
        return around.top
    return here if folder.is_relative_to(here) else folder


def _text(facts: Facts, root: Path) -> tuple[bytes, str]:
    """The file's content, and its name as problems tell it: from the root."""
    if str(facts.file) == "-":
        return sys.stdin.buffer.read(TEXT_LIMIT), CONFIG_NAME
    try:
        with facts.file.open("rb") as file:
            text = file.read(TEXT_LIMIT)
    except OSError as error:
        hint = "Name another one with --file." if facts.file == Path(CONFIG_NAME) else ""
        raise UsageError(f"{facts.file} cannot be read: {error.strerror}.", hint=hint) from error
    at = facts.file.absolute()
    base = root.absolute()
    return text, at.relative_to(base).as_posix() if at.is_relative_to(base) else str(facts.file)


def _push(facts: Facts, root: Path, sources: Workspace) -> PushFacts:
    repository = repository_around(root.absolute())
    project = _project(facts, root, repository)
    branch = facts.ref or (repository.branch() if repository else None) or project.default_branch
    push = PushFacts(
        ref=facts.tag or branch,
        ref_type="tag" if facts.tag else "branch",
        source=facts.source,
        protected=not facts.tag and branch == project.default_branch,
        settings=tuple(Variable(key, value) for key, value in facts.variables),
        changed_paths=facts.changed,
        tracked_paths=sources.tracked,
        project_path=project.path_with_namespace,
        merge_request=_merge_request(facts, branch, project),
        upstream=UpstreamFacts(1, 1, 1) if facts.source in ("pipeline", "parent_pipeline") else None,
        changed_since=lambda ref: _changed_since(facts, repository, ref),
    )
    predefined = predefined_variables(SERVER, project, CommitFacts("0" * 40), push)
    return replace(push, predefined=_over(predefined, facts.predefined))


def _merge_request(facts: Facts, branch: str, project: ProjectFacts) -> MergeRequestFacts | None:
    if facts.source != "merge_request_event":
        return None
    return MergeRequestFacts(1, branch, facts.target_branch or project.default_branch, id=1)


def _changed_since(facts: Facts, repository: Repository | None, ref: str) -> frozenset[str]:
    """For `compare_to`: what was named on the command line, else what git says."""
    if facts.changed or repository is None:
        return facts.changed or frozenset()
    commit = repository.commit(ref.removeprefix("refs/heads/"))
    if commit is None:
        raise RuleError("rules:changes:compare_to is not a valid ref")
    return repository.changed_since(commit)


def _project(facts: Facts, root: Path, repository: Repository | None) -> ProjectFacts:
    path = facts.project_path or f"local/{root.absolute().name or 'project'}"
    default = facts.default_branch or (repository.default_branch() if repository else None) or "main"
    return ProjectFacts(1, path, default)


def _over(predefined: tuple[Variable, ...], given: tuple[tuple[str, str], ...]) -> tuple[Variable, ...]:
    values: dict[str, Any] = {variable.key: variable for variable in predefined}
    return tuple({**values, **{key: Variable(key, value, raw=True) for key, value in given}}.values())
