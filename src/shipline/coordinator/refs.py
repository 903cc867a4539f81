"""Use cases: branches and tags that are made and deleted without a push, by the same rules as with one."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from shipline.coordinator import access, browsing, protections, pushes
from shipline.coordinator.models import Project
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_UNFIT = re.compile(r"[<>\n\0]")


class RefusedRef(Exception):
    """An HTTP status with GitLab's words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def create_branch(project: Project, user: User, name: str, ref: str) -> str:
    """Answers the commit. Its pipeline is that of a push. Raises RefusedRef."""
    if not services().repositories.is_branch_name(name):
        raise RefusedRef(400, "Branch name is invalid")
    sha = services().repositories.resolve(project.pk, ref)
    if sha is None:
        raise RefusedRef(400, f"Invalid reference name: {ref}")
    rules = protections.matching(protections.rules_of(project), name)
    level = access.level(user, project)
    if rules and not (rules.may_push(level) or rules.may_merge(level)):
        raise RefusedRef(403, "403 Forbidden")
    _create(project, user, f"refs/heads/{name}", sha, "Branch already exists")
    return sha


def delete_branch(project: Project, user: User, name: str) -> None:
    """Raises RefusedRef. A protected one goes when a maintainer says so; the default branch stays."""
    found = browsing.ref(project.pk, "heads", name)
    if found is None:
        raise RefusedRef(404, "404 Branch Not Found")
    if name == project.default_branch:
        raise RefusedRef(400, "Cannot remove HEAD branch")
    if project.protects(name) and access.level(user, project) < access.MAINTAINER:
        raise RefusedRef(403, "403 Forbidden")
    _delete(project, user, f"refs/heads/{name}", found.target)


def create_tag(project: Project, user: User, name: str, ref: str, message: str) -> None:
    """With a message an annotated one. Raises RefusedRef."""
    sha = services().repositories.resolve(project.pk, ref)
    if sha is None:
        raise RefusedRef(400, f"Target {ref} is invalid")
    refusal = protections.tag_push_refusal(
        protections.tag_levels(project, name), access.level(user, project), creates=True, deletes=False
    )
    if refusal:
        raise RefusedRef(400, refusal.removeprefix("GitLab: "))
    target = sha
    if message:
        tagger = f"{_UNFIT.sub('', user.first_name or user.username)} <{_UNFIT.sub('', user.email)}>"
        made = browsing.make_tag_object(project.pk, name, sha, message, tagger, int(time.time()))
        if made is None:
            raise RefusedRef(400, "Tag name invalid")
        target = made
    _create(project, user, f"refs/tags/{name}", target, f"Tag {name} already exists")


def delete_tag(project: Project, user: User, name: str) -> None:
    """Raises RefusedRef."""
    found = browsing.ref(project.pk, "tags", name)
    if found is None:
        raise RefusedRef(404, "404 Tag Not Found")
    if protections.tag_levels(project, name) and access.level(user, project) < access.MAINTAINER:
        raise RefusedRef(403, "403 Forbidden")
    _delete(project, user, f"refs/tags/{name}", found.target)


def _create(project: Project, user: User, full_name: str, target: str, exists: str) -> None:
    if not browsing.create_ref(project.pk, full_name, target):
        short = full_name.split("/", 2)[2]
        kind = full_name.split("/")[1]
        if browsing.ref(project.pk, kind, short) is not None:
            raise RefusedRef(400, exists)
        raise RefusedRef(400, "Branch name is invalid" if kind == "heads" else "Tag name invalid")
    pushes.received(project.pk, user.pk, [pushes.Update(ZERO, target, full_name)], [])


def _delete(project: Project, user: User, full_name: str, target: str) -> None:
    if not browsing.delete_ref(project.pk, full_name, target):
        raise RefusedRef(409, "It has been pushed to meanwhile")
    pushes.received(project.pk, user.pk, [pushes.Update(target, ZERO, full_name)], [])
