"""Use cases around namespaces: groups, and the place that each user has for their own projects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from shipline.coordinator import access
from shipline.coordinator.models import Group, GroupMember, Project
from shipline.coordinator.models.group import paths_above
from shipline.errors import ShiplineError

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
PATH_LIMIT = 255
RESERVED_ENDINGS = (".git", ".atom", ".")
RESERVED_NAMES = frozenset({"api", "jwt", "users", "static", "-", "admin", "v2"})
VISIBILITIES = ("private", "internal", "public")
TAKEN = "has already been taken"


class InvalidPath(ShiplineError):
    """What is wrong with a field, in GitLab's words."""

    code = "invalid_path"

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field} {words}")
        self.field, self.words = field, words


def check_path(full_path: str) -> None:
    """May a group or project be called so? Raises InvalidPath."""
    parts = full_path.split("/")
    if any(not PATH.fullmatch(part) or part.endswith(RESERVED_ENDINGS) for part in parts):
        raise InvalidPath("path", "can contain only letters, digits, '_', '-' and '.', and needs a namespace")
    if parts[0].lower() in RESERVED_NAMES:
        raise InvalidPath("path", f"{parts[0]} is a reserved name")
    if len(full_path) > PATH_LIMIT:
        raise InvalidPath("path", f"is too long (maximum is {PATH_LIMIT} characters)")


def check_segment(path: str) -> None:
    """What something is called in its namespace: one segment, so that nobody gets into another namespace by it.
    Raises InvalidPath."""
    if "/" in path:
        raise InvalidPath("path", "can contain only letters, digits, '_', '-' and '.'")


def is_taken(full_path: str) -> bool:
    """Groups, users' namespaces and projects share one space of paths."""
    return (
        Group.objects.filter(full_path__iexact=full_path).exists()
        or Project.objects.filter(path_with_namespace__iexact=full_path).exists()
        or ("/" not in full_path and User.objects.filter(username__iexact=full_path).exists())
    )


def create_group(
    parent: Group | None, path: str, creator: User | None, values: Mapping[str, object]
) -> Group:
    """A group of which the creator is an owner. Raises InvalidPath."""
    check_segment(path)
    full_path = f"{parent.full_path}/{path}" if parent is not None else path
    check_path(full_path)
    with transaction.atomic():
        if is_taken(full_path):
            raise InvalidPath("path", TAKEN)
        group = Group.objects.create(full_path=full_path, **{"name": path, **values})
        if creator is not None:
            GroupMember.objects.create(group=group, user=creator, access_level=access.OWNER)
    return group


def namespace_of(user: User) -> Group | None:
    """The user's own namespace, made when it is first asked for. None when a group from before namespaces had
    owners is called so."""
    own = Group.objects.filter(owner=user).first()
    if own is None and not Group.objects.filter(full_path__iexact=user.username).exists():
        own, _ = Group.objects.get_or_create(
            full_path=user.username, defaults={"name": user.first_name or user.username, "owner": user}
        )
    return own


def ensure_namespace(full_path: str) -> Group:
    """The namespace of that path, with those above it; made where it is not there. Raises InvalidPath."""
    found = Group.objects.filter(full_path__iexact=full_path).first()
    if found is not None:
        return found
    above = paths_above(full_path)
    parent = ensure_namespace(above[-1]) if above else None
    user = User.objects.filter(username__iexact=full_path).first() if parent is None else None
    own = namespace_of(user) if user is not None else None
    if own is not None:
        return own
    if parent is not None and parent.owner_id is not None:
        raise InvalidPath("namespace", "of a user holds projects only")
    return create_group(parent, full_path.rpartition("/")[2], None, {})


def within(group: Group) -> tuple[Q, Q]:
    """What lies in a group, however deep: as a filter of groups, and one of projects."""
    prefix = f"{group.full_path}/"
    return Q(full_path__startswith=prefix), Q(path_with_namespace__startswith=prefix)
