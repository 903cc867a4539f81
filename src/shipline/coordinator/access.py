"""Who may do what with a project. Access levels are GitLab's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipline.coordinator.models import Membership, Project

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

NONE, GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 0, 10, 20, 30, 40, 50
READ_CODE, PUSH, PUSH_PROTECTED, ADMINISTER = REPORTER, DEVELOPER, MAINTAINER, MAINTAINER


def level(user: User | AnonymousUser | None, project: Project) -> int:
    """The user's access level; administrators own everything."""
    if user is None or not user.is_authenticated:
        return GUEST if project.visibility == "public" else NONE
    if user.is_superuser:
        return OWNER
    member = Membership.objects.filter(project=project, user=user).first()
    if member is not None:
        return member.access_level
    return GUEST if project.visibility in ("public", "internal") else NONE


def may_read(user: User | AnonymousUser | None, project: Project) -> bool:
    """See the project, its pipelines and its code. Guests of a public project may, guests of others may not."""
    found = level(user, project)
    return found >= READ_CODE or (found == GUEST and project.visibility != "private")
