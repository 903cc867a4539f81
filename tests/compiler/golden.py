"""Golden cases: a folder with `.gitlab-ci.yml`, perhaps `facts.yml` and other files, and `expected.json`.

`facts.yml` says what differs from a push to an unprotected branch `main` of `group/app`:
`ref`, `tag` (true), `source`, `protected`, `changed` (paths; null: no known diff), `changed_since` (paths by ref),
`tracked` (paths; absent: the case's own files), `tracked_in` (paths by project), `settings` (variables of the
project), `predefined`, `project_path`, `user`, `merge_request`, `upstream`, `schedule_description`. `inputs` are for
the file itself. Files from elsewhere: `projects` (by path or path@ref, then by file), `remotes`, `templates`,
`components` (by address: `content`, `files` beside it, `sha`, `version`), `artifacts` (by job, then by file).

`expected.json` holds `errors` (each `file:line: message`), or the `jobs` with only those fields that differ
from their defaults; besides `warnings` (what GitLab would not say begins with `shipline:`), `name`,
`auto_cancel` and, where a case is about them, `stages`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

from shipline.compiler import (
    CommitFacts,
    Compiled,
    MergeRequestFacts,
    ProjectFacts,
    PushFacts,
    RuleError,
    ServerFacts,
    UpstreamFacts,
    UserFacts,
    compile_pipeline,
    predefined_variables,
)
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.sources import Component, LocalFiles
from shipline.model.definition import AutoCancel
from shipline.model.variable import Variable

CONFIG = ".gitlab-ci.yml"
SERVER = ServerFacts("https://gitlab.example.com", "registry.example.com")
COMMIT = CommitFacts(
    sha="a" * 40,
    message="Add a page\n\nIt says hello.",
    author="Ada <ada@example.com>",
    timestamp="2026-01-02T03:04:05Z",
)
OWN_FILES = ("facts.yml", "expected.json")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in OWN_FILES
    }


def compile_case(folder: Path) -> Compiled:
    written = folder / "facts.yml"
    facts = yaml.safe_load(written.read_text()) if written.exists() else {}
    return compile_files(files_of(folder), facts or {})


def compile_files(
    files: dict[str, bytes], facts: dict[str, Any], limits: Limits = DEFAULT_LIMITS
) -> Compiled:
    facts = dict(facts)
    inputs = facts.pop("inputs", {})
    sources = sources_of(files, facts)
    return compile_pipeline(CONFIG, files[CONFIG], facts_of(files, facts), sources, limits, inputs=inputs)


def sources_of(files: dict[str, bytes], facts: dict[str, Any]) -> LocalFiles:
    """Takes what is about files from elsewhere out of `facts`."""
    artifacts = facts.pop("artifacts", None)
    return LocalFiles(
        files,
        projects={name: LocalFiles(inside) for name, inside in facts.pop("projects", {}).items()},
        remotes=facts.pop("remotes", {}),
        templates=facts.pop("templates", {}),
        components={
            address: _component(address, **written)
            for address, written in facts.pop("components", {}).items()
        },
        artifacts=None
        if artifacts is None
        else {(job, path): text for job, inside in artifacts.items() for path, text in inside.items()},
    )


def _component(
    address: str,
    content: str,
    files: dict[str, str] | None = None,
    sha: str = "c" * 40,
    version: str | None = None,
) -> Component:
    path, _, reference = address.partition("@")
    name = path.rpartition("/")[2]
    inside = LocalFiles(files or {})
    return Component(content.encode(), f"templates/{name}.yml", inside, name, sha, version, reference)


def facts_of(files: dict[str, bytes], facts: dict[str, Any]) -> PushFacts:
    facts = dict(facts)
    tracked = frozenset(facts.pop("tracked", files))
    changed = facts.pop("changed", None)
    settings = _variables(facts.pop("settings", {}))
    predefined = facts.pop("predefined", {})
    since: dict[str, list[str]] = facts.pop("changed_since", {})
    user, request, upstream = (facts.pop(key, None) for key in ("user", "merge_request", "upstream"))

    def changed_since(ref: str) -> frozenset[str]:
        if ref not in since:
            raise RuleError("rules:changes:compare_to is not a valid ref")
        return frozenset(since[ref])

    push = PushFacts(
        ref=facts.pop("ref", "main"),
        ref_type="tag" if facts.pop("tag", False) else "branch",
        source=facts.pop("source", "push"),
        protected=facts.pop("protected", False),
        settings=settings,
        changed_paths=None if changed is None else frozenset(changed),
        tracked_paths=lambda: tracked,
        project_path=facts.pop("project_path", "group/app"),
        user=UserFacts(**user) if user else None,
        merge_request=MergeRequestFacts(**request) if request else None,
        upstream=UpstreamFacts(**upstream) if upstream else None,
        schedule_description=facts.pop("schedule_description", ""),
        changed_since=changed_since,
    )
    assert not facts, f"unknown facts: {sorted(facts)}"
    project = ProjectFacts(7, push.project_path)
    known = {variable.key: variable for variable in predefined_variables(SERVER, project, COMMIT, push)}
    known.update({variable.key: variable for variable in _variables(predefined)})
    return dataclasses.replace(push, predefined=tuple(known.values()))


def _variables(values: dict[str, str]) -> tuple[Variable, ...]:
    return tuple(Variable(key, str(value), raw=True) for key, value in values.items())


def outcome(compiled: Compiled) -> dict[str, Any]:
    """What `expected.json` holds."""
    found: dict[str, Any] = {}
    if compiled.errors:
        found["errors"] = [str(problem) for problem in compiled.errors]
    if compiled.warnings:
        found["warnings"] = [
            f"shipline: {problem}" if problem.ours else str(problem) for problem in compiled.warnings
        ]
    if compiled.pipeline is not None:
        if compiled.pipeline.name is not None:
            found["name"] = compiled.pipeline.name
        if compiled.pipeline.auto_cancel != AutoCancel():
            found["auto_cancel"] = shown(compiled.pipeline.auto_cancel)
        found["stages"] = list(compiled.pipeline.stages)
        found["jobs"] = [shown(job) for job in compiled.pipeline.jobs]
    return found


def shown(value: Any) -> Any:
    """A definition as JSON: fields with their default are left out, and what then is a single first field
    stands for the whole, so that a need is the name of its job."""
    if isinstance(value, tuple) and value and all(isinstance(item, Variable) for item in value):
        return {item.key: shown_variable(item) for item in value}
    if isinstance(value, tuple):
        return [shown(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = dataclasses.fields(value)
    found = {
        field.name: shown(getattr(value, field.name)) for field in fields if not _is_default(field, value)
    }
    return found[fields[0].name] if list(found) == [fields[0].name] else found


def shown_variable(variable: Variable) -> Any:
    found = shown(variable)
    del found["key"]
    return found["value"] if list(found) == ["value"] else found


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    found = getattr(value, field.name)
    if field.default is not dataclasses.MISSING:
        return bool(found == field.default)
    return field.default_factory is not dataclasses.MISSING and bool(found == field.default_factory())


def write(folder: Path, found: dict[str, Any]) -> None:
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    (folder / "expected.json").write_text(text, encoding="utf-8")
