"""Where included files come from. Pure: who reads git, disks or the network stands behind `Sources`.

A refusal is a SourceError with GitLab's own words. Fetchers bound time and size themselves; the compiler
asks for each file once per place that includes it, one after another, never from several threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class SourceError(Exception):
    """A file that cannot be had. Its text is GitLab's message for it, with a way out in `hint`."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Component:
    """A CI/CD component that was found. `path` is the file in its project; `sources` gives what that file
    includes locally. `version` is the release that a partial version stood for, None for a branch or SHA;
    `reference` is what was written after the `@`."""

    content: bytes
    path: str
    sources: Sources
    name: str
    sha: str
    version: str | None
    reference: str


class Sources(Protocol):
    """The files of one commit of one project, and the ways from there to all others.

    Paths have no slash in front. None means that there is no such file.
    """

    def local(self, path: str) -> bytes | None: ...

    def tracked(self) -> frozenset[str]:
        """All paths of the commit, for wildcards and `rules:exists`."""

    def project(self, project: str, ref: str | None) -> Sources:
        """The files of another project at a ref (None: the head of its default branch)."""

    def remote(self, url: str) -> bytes: ...

    def template(self, name: str) -> bytes | None:
        """One of GitLab's own templates, by its name with `.gitlab-ci.yml`."""

    def component(self, host: str, path: str, name: str, version: str) -> Component:
        """`version` is a SHA, tag, branch, `~latest`, or a partial version such as `1` or `1.2`."""

    def artifact(self, job: str, path: str) -> bytes | None:
        """A file of the artifacts of a job of the parent pipeline. Raises SourceError outside of one."""


def project_not_found(project: str) -> SourceError:
    return SourceError(
        f"Project `{project}` not found or access denied! Make sure any includes in the pipeline configuration "
        "are correctly defined."
    )


def reference_not_found(project: str, ref: str) -> SourceError:
    return SourceError(f"Project `{project}` reference `{ref}` does not exist!")


def component_not_found(address: str) -> SourceError:
    return SourceError(f"Component '{address}' - content not found")


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files by their paths and nothing else: for tests, and where only the commit itself is at hand.

    `projects` are by path, or by `path@ref` for one ref; `remotes` by URL; `components` by the whole address;
    `artifacts` by (job, path), None where there is no parent pipeline.
    """

    files: Mapping[str, bytes | str] = field(default_factory=dict)
    projects: Mapping[str, Sources] = field(default_factory=dict)
    remotes: Mapping[str, bytes | str] = field(default_factory=dict)
    templates: Mapping[str, bytes | str] = field(default_factory=dict)
    components: Mapping[str, Component] = field(default_factory=dict)
    artifacts: Mapping[tuple[str, str], bytes | str] | None = None

    def local(self, path: str) -> bytes | None:
        return _content(self.files.get(path))

    def tracked(self) -> frozenset[str]:
        return frozenset(self.files)

    def project(self, project: str, ref: str | None) -> Sources:
        known = {name.partition("@")[0] for name in self.projects}
        if project not in known:
            raise project_not_found(project)
        at = self.projects.get(f"{project}@{ref}" if ref else project)
        if at is None:
            raise reference_not_found(project, ref or "HEAD")
        return at

    def remote(self, url: str) -> bytes:
        found = _content(self.remotes.get(url))
        if found is None:
            raise SourceError(f"Remote file `{url}` could not be fetched because there is no network here!")
        return found

    def template(self, name: str) -> bytes | None:
        return _content(self.templates.get(name))

    def component(self, host: str, path: str, name: str, version: str) -> Component:
        address = f"{host}/{path}/{name}@{version}"
        if address not in self.components:
            raise component_not_found(address)
        return self.components[address]

    def artifact(self, job: str, path: str) -> bytes | None:
        if self.artifacts is None:
            raise SourceError(
                "Including configs from artifacts is only allowed when triggering child pipelines"
            )
        return _content(self.artifacts.get((job, path)))


def _content(found: bytes | str | None) -> bytes | None:
    return found.encode() if isinstance(found, str) else found


NOTHING: Sources = LocalFiles()
