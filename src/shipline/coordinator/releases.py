"""Use cases: releases are made, changed and deleted, and so are their links. The rules are GitLab's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from shipline.coordinator import access, browsing, protections, refs
from shipline.coordinator.access import Ability
from shipline.coordinator.models import Job, Project, Release, ReleaseLink
from shipline.coordinator.release_assets import NAME_LIMIT, Link, links_problem
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DESCRIPTION_LIMIT = 1_000_000
PROTECTED = "You are not allowed to create this tag as it is protected."


class RefusedRelease(Exception):
    """An HTTP status with GitLab's words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(frozen=True, slots=True)
class NewRelease:
    """`ref` is what the tag is made of when it is not there; `tag_message` makes it an annotated one."""

    tag: str
    name: str = ""
    description: str = ""
    ref: str = ""
    tag_message: str = ""
    released_at: datetime | None = None
    links: tuple[Link, ...] = ()


def create(project: Project, user: User, wanted: NewRelease, job: Job | None = None) -> Release:
    """With its tag, if there is none; that has a pipeline as if it had been pushed. `job` is the one whose
    `release:` this is. Raises RefusedRelease.

    Everything that can be wrong is looked at before the tag is made. It is made outside of any transaction: a
    tag's pipeline may take a while to compile, and nobody else could write meanwhile.
    """
    _check_may(project, user, wanted.tag)
    if Release.objects.filter(project=project, tag=wanted.tag).exists():
        raise RefusedRelease(409, "Release already exists")
    if problem := links_problem(wanted.links):
        raise RefusedRelease(400, f"Validation failed: {problem}")
    if len(wanted.name) > NAME_LIMIT or len(wanted.description) > DESCRIPTION_LIMIT:
        raise RefusedRelease(400, "Validation failed: Name or description is too long")
    sha = _commit_of(project, wanted.tag) or _made_tag(project, user, wanted)
    try:
        with transaction.atomic():
            release = Release.objects.create(
                project=project,
                tag=wanted.tag,
                name=wanted.name or wanted.tag,
                description=wanted.description,
                sha=sha,
                author=user,
                job=job,
                released_at=wanted.released_at or timezone.now(),
            )
            for link in wanted.links:
                _row(release, link).save()
    except IntegrityError as error:
        raise RefusedRelease(409, "Release already exists") from error
    return release


def _check_may(project: Project, user: User, tag: str) -> None:
    if not access.may(user, project, Ability.CREATE_RELEASE):
        raise RefusedRelease(403, "403 Forbidden")
    levels = protections.tag_levels(project, tag)
    if protections.tag_push_refusal(levels, access.level(user, project), creates=True, deletes=False):
        raise RefusedRelease(403, PROTECTED)


def _commit_of(project: Project, tag: str) -> str | None:
    return services().repositories.resolve(project.pk, f"refs/tags/{tag}")


def _made_tag(project: Project, user: User, wanted: NewRelease) -> str:
    if not wanted.ref:
        raise RefusedRelease(422, "Ref is not specified")
    try:
        refs.create_tag(project, user, wanted.tag, wanted.ref, wanted.tag_message)
    except refs.RefusedRef as error:
        # Somebody may have made it at the same moment.
        sha = _commit_of(project, wanted.tag)
        if sha is None:
            raise RefusedRelease(error.status, error.words) from error
        return sha
    sha = _commit_of(project, wanted.tag)
    if sha is None:
        raise RefusedRelease(409, f"The tag {wanted.tag} has been deleted again")
    return sha


def change(
    release: Release,
    user: User,
    *,
    name: str | None = None,
    description: str | None = None,
    released_at: datetime | None = None,
) -> Release:
    """None leaves what is there. Raises RefusedRelease."""
    _check_may(release.project, user, release.tag)
    release.name = release.name if name is None else name or release.tag
    release.description = release.description if description is None else description
    release.released_at = released_at or release.released_at
    release.save()
    return release


def delete(release: Release, user: User) -> None:
    """The tag stays. Raises RefusedRelease."""
    _check_may(release.project, user, release.tag)
    release.delete()


def add_link(release: Release, user: User, link: Link) -> ReleaseLink:
    """Raises RefusedRelease."""
    _check_may(release.project, user, release.tag)
    return _saved(_row(release, link))


def change_link(row: ReleaseLink, user: User, link: Link) -> ReleaseLink:
    """`link` in place of what is there. Raises RefusedRelease."""
    _check_may(row.release.project, user, row.release.tag)
    row.name, row.url, row.filepath, row.link_type = link.name, link.url, link.filepath, link.link_type
    return _saved(row)


def delete_link(row: ReleaseLink, user: User) -> None:
    """Raises RefusedRelease."""
    _check_may(row.release.project, user, row.release.tag)
    row.delete()


def _row(release: Release, link: Link) -> ReleaseLink:
    return ReleaseLink(
        release=release, name=link.name, url=link.url, filepath=link.filepath, link_type=link.link_type
    )


def _saved(row: ReleaseLink) -> ReleaseLink:
    others = ReleaseLink.objects.filter(release=row.release).exclude(pk=row.pk)
    present = [Link(one.name, one.url, one.filepath, one.link_type) for one in others]
    asked = Link(row.name, row.url, row.filepath, row.link_type)
    if problem := links_problem([*present, asked]):
        raise RefusedRelease(400, problem)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise RefusedRelease(400, "Links have duplicate values") from error
    return row


def latest(project: Project) -> Release | None:
    return Release.objects.filter(project=project).order_by("-released_at", "-id").first()


def commit_of(release: Release) -> browsing.Commit | None:
    """None when the repository has lost it."""
    sha = services().repositories.resolve(release.project_id, release.sha)
    return browsing.commit(release.project_id, sha) if sha is not None else None
