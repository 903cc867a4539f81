"""Files that a configuration includes: from the coordinator's own repositories, remote ones over https."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shipline.compiler.components import files_of, is_release_range, newest_release
from shipline.compiler.limits import DEFAULT_LIMITS
from shipline.compiler.sources import (
    Component,
    SourceError,
    component_not_found,
    project_not_found,
    reference_not_found,
)
from shipline.coordinator.access import may_read
from shipline.coordinator.archives import ArchiveError, read_member
from shipline.coordinator.models import JobArtifact, Pipeline, Project
from shipline.coordinator.services import services
from shipline.coordinator.stored import stored_at
from shipline.sources.budget import Budget
from shipline.sources.remote import Fetcher, FetchError

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class CommitSources:
    """The files of one commit. `user` is who the pipeline is for: other projects' files are theirs to read.
    `parent` is the pipeline that a child pipeline is made by."""

    of: Project
    sha: str
    user: User | None
    parent: Pipeline | None = None
    budget: Budget = field(default_factory=lambda: Budget(DEFAULT_LIMITS.include_seconds))

    def local(self, path: str) -> bytes | None:
        return services().repositories.file(self.of.pk, self.sha, path)

    def tracked(self) -> frozenset[str]:
        return services().repositories.tracked(self.of.pk, self.sha)

    def project(self, project: str, ref: str | None) -> CommitSources:
        found = self._readable(project)
        if found is None:
            raise project_not_found(project)
        sha = services().repositories.resolve(found.pk, ref or "HEAD")
        if sha is None:
            raise reference_not_found(project, ref or "HEAD")
        return CommitSources(found, sha, self.user, self.parent, self.budget)

    def remote(self, url: str) -> bytes:
        """Over https, from public addresses alone: whoever may push must not reach this machine's network."""
        try:
            return Fetcher(budget=self.budget).fetch(url)
        except FetchError as error:
            raise SourceError(str(error)) from error

    def template(self, name: str) -> bytes | None:
        return None

    def component(self, host: str, path: str, name: str, version: str) -> Component:
        repositories = services().repositories
        address = f"{host}/{path}/{name}@{version}"
        found = self._readable(path)
        if found is None:
            raise component_not_found(address)
        release = None
        if is_release_range(version):
            release = newest_release(version, repositories.tags(found.pk))
        sha = repositories.resolve(found.pk, f"refs/tags/{release}" if release else version)
        if sha is None:
            raise component_not_found(address)
        for file in files_of(name):
            content = repositories.file(found.pk, sha, file)
            if content is not None:
                inside = CommitSources(found, sha, self.user, self.parent, self.budget)
                return Component(content, file, inside, name, sha, release, version)
        raise component_not_found(address)

    def artifact(self, job: str, path: str) -> bytes | None:
        if self.parent is None:
            raise SourceError(
                "Including configs from artifacts is only allowed when triggering child pipelines"
            )
        rows = JobArtifact.objects.filter(
            job__pipeline=self.parent, job__name=job, job__retried=False, file_type="archive"
        )
        found = rows.order_by("-job").first()
        if found is None:
            raise SourceError(
                f"Job `{job}` not found in parent pipeline or does not have artifacts!",
                hint=f"the trigger job has to come after {job} (a later stage, or needs), and its artifacts must not "
                "have expired",
            )
        try:
            content = read_member(stored_at(found), path, DEFAULT_LIMITS.text_bytes)
        except ArchiveError as error:
            raise SourceError(f"Artifacts of job `{job}`: {error}!") from error
        if content is None:
            raise SourceError(f"Path `{path}` does not exist inside the `{job}` artifacts archive!")
        return content

    def _readable(self, path: str) -> Project | None:
        found = Project.objects.filter(path_with_namespace__iexact=path).first()
        return found if found is not None and may_read(self.user, found) else None
