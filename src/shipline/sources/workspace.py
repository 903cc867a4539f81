"""All that a configuration may include, for a folder on this machine and other projects mapped to folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shipline.compiler.components import files_of, is_release_range, newest_release
from shipline.compiler.limits import DEFAULT_LIMITS
from shipline.compiler.sources import (
    Component,
    SourceError,
    component_not_found,
    project_not_found,
    reference_not_found,
)
from shipline.sources.budget import Budget
from shipline.sources.folder import CommitFiles, Folder
from shipline.sources.git import repository_at


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What lies outside of the folder: `projects` by their lower-case paths, GitLab's templates, the network."""

    projects: Mapping[str, Path] = field(default_factory=dict)
    templates: Path | None = None
    allow_private: bool = False
    budget: Budget = field(default_factory=lambda: Budget(DEFAULT_LIMITS.include_seconds))
    fetched: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of one project as a folder has them, and the way to all others."""

    files: Folder | CommitFiles
    elsewhere: Elsewhere

    def local(self, path: str) -> bytes | None:
        return self.files.local(path)

    def tracked(self) -> frozenset[str]:
        return self.files.tracked()

    def project(self, project: str, ref: str | None) -> Workspace:
        return Workspace(self._files(project, ref), self.elsewhere)

    def remote(self, url: str) -> bytes:
        # ssl and http take longer to import than a small file takes to compile.
        from shipline.sources.remote import Fetcher, FetchError

        found = self.elsewhere.fetched.get(url)
        if found is None:
            try:
                found = Fetcher(self.elsewhere.allow_private, budget=self.elsewhere.budget).fetch(url)
            except FetchError as error:
                raise SourceError(str(error), hint=error.hint) from error
            self.elsewhere.fetched[url] = found
        return found

    def template(self, name: str) -> bytes | None:
        if self.elsewhere.templates is None:
            raise SourceError(
                f"Template file `{name}` is not a valid location!",
                hint="shipline comes without GitLab's templates: save this one in your repository and include it with "
                "local:, or say where a copy of lib/gitlab/ci/templates lies with --templates DIR",
            )
        return Folder(self.elsewhere.templates).local(name)

    def component(self, host: str, path: str, name: str, version: str) -> Component:
        address = f"{host}/{path}/{name}@{version}"
        release = None
        folder = self.elsewhere.projects.get(path.lower())
        repository = repository_at(folder) if folder is not None else None
        if repository is not None and is_release_range(version):
            release = newest_release(version, repository.tags())
            if release is None:
                raise component_not_found(address)
        try:
            files = self._files(path, f"refs/tags/{release}" if release else version)
        except SourceError as error:
            raise SourceError(component_not_found(address).message, hint=error.hint) from error
        for file in files_of(name):
            content = files.local(file)
            if content is not None:
                sha = files.commit if isinstance(files, CommitFiles) else "0" * 40
                return Component(content, file, Workspace(files, self.elsewhere), name, sha, release, version)
        raise component_not_found(address)

    def artifact(self, job: str, path: str) -> bytes | None:
        raise SourceError("Including configs from artifacts is only allowed when triggering child pipelines")

    def _files(self, project: str, ref: str | None) -> Folder | CommitFiles:
        """A mapped folder as it is; a repository at the ref that was asked for."""
        folder = self.elsewhere.projects.get(project.lower())
        if folder is None:
            raise SourceError(
                project_not_found(project).message,
                hint=f"say where a copy of it lies: --project {project}=DIR",
            )
        repository = repository_at(folder)
        if repository is None or (ref is None and repository.has_work_tree):
            return Folder(folder)
        commit = repository.commit(ref or "HEAD")
        if commit is None:
            raise reference_not_found(project, (ref or "HEAD").removeprefix("refs/tags/"))
        return CommitFiles(repository, commit)
