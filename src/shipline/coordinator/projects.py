"""Use cases around projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from shipline.coordinator import access
from shipline.coordinator.groups import (
    TAKEN,
    VISIBILITIES,
    InvalidPath,
    check_path,
    check_segment,
    ensure_namespace,
    is_taken,
)
from shipline.coordinator.models import Membership, Project
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class InvalidProject(InvalidPath):
    code = "invalid_project"


def create_project(
    namespace: str,
    path: str,
    *,
    name: str = "",
    description: str = "",
    visibility: str = "private",
    default_branch: str = "main",
    creator: User | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Project:
    """A project with an empty repository, in a namespace that is made if it is not there; its creator owns it.
    `settings` are other fields of the row. Raises InvalidProject, with GitLab's words."""
    if visibility not in VISIBILITIES:
        raise InvalidProject("visibility", "is not included in the list")
    _check_branch(default_branch)
    try:
        if not namespace:
            raise InvalidPath("path", "needs a namespace")
        check_segment(path)
        check_path(f"{namespace}/{path}")
        with transaction.atomic():
            full = f"{ensure_namespace(namespace).full_path}/{path}"
            check_path(full)
            if is_taken(full):
                raise InvalidPath("path", TAKEN)
            project = Project.objects.create(
                path_with_namespace=full,
                name=name or path,
                visibility=visibility,
                default_branch=default_branch,
                **{"description": description, **(settings or {})},
            )
            if creator is not None and not creator.is_superuser:
                Membership.objects.create(project=project, user=creator, access_level=access.OWNER)
            services().repositories.create(project.pk, default_branch)
    except InvalidProject:
        raise
    except InvalidPath as error:
        raise InvalidProject(error.field, error.words) from error
    return project


def _check_branch(name: str) -> None:
    if not services().repositories.is_branch_name(name):
        raise InvalidProject("default_branch", "is not a name that a branch can have")


def change_project(project: Project, values: Mapping[str, Any]) -> None:
    """Raises InvalidProject. A new `path` moves it in its namespace."""
    values = dict(values)
    with transaction.atomic():
        if (path := values.pop("path", None)) and path != project.path:
            full = f"{project.namespace}/{path}"
            try:
                check_segment(path)
                check_path(full)
                if is_taken(full) and full.lower() != project.path_with_namespace.lower():
                    raise InvalidPath("path", TAKEN)
            except InvalidPath as error:
                raise InvalidProject(error.field, error.words) from error
            project.path_with_namespace = full
        branch = values.get("default_branch")
        if branch and branch != project.default_branch:
            _check_branch(branch)
            existing = services().repositories.branches(project.pk)
            if existing and branch not in existing:
                raise InvalidProject("base", "Could not change HEAD: branch '" + branch + "' does not exist")
        for name, value in values.items():
            setattr(project, name, value)
        project.save()
        if branch:
            services().repositories.set_head(project.pk, branch)
