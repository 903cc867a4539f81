"""Use cases: a group or project is called otherwise, or lies elsewhere. What lies in it comes along; everything else
knows them by number."""

from __future__ import annotations

from django.db import transaction

from shipline.coordinator.groups import PATH_LIMIT, TAKEN, InvalidPath, check_path, is_taken, within
from shipline.coordinator.models import Group, Project


def move_group(group: Group, full_path: str) -> None:
    """Raises InvalidPath."""
    old = group.full_path
    if full_path == old:
        return
    with transaction.atomic():
        # Nobody else moves it, or something into it, meanwhile.
        Group.objects.select_for_update().get(pk=group.pk)
        _check(full_path, old)
        if f"{full_path}/".startswith(f"{old}/"):
            raise InvalidPath("parent", "cannot be the group itself or one in it")
        inner_groups, inner_projects = within(group)
        for row in Group.objects.filter(inner_groups):
            row.full_path = _moved(row.full_path, old, full_path)
            row.save(update_fields=["full_path"])
        for project in Project.objects.filter(inner_projects):
            project.path_with_namespace = _moved(project.path_with_namespace, old, full_path)
            project.save(update_fields=["path_with_namespace"])
        group.full_path = full_path
        group.save(update_fields=["full_path"])


def move_project(project: Project, namespace: Group) -> None:
    """Into that namespace, under its own name. Raises InvalidPath."""
    full_path = f"{namespace.full_path}/{project.path}"
    if full_path == project.path_with_namespace:
        raise InvalidPath("namespace", "is the one that it lies in already")
    with transaction.atomic():
        Group.objects.select_for_update().get(pk=namespace.pk)
        _check(full_path, project.path_with_namespace)
        project.path_with_namespace = full_path
        project.save(update_fields=["path_with_namespace"])


def _check(full_path: str, old: str) -> None:
    check_path(full_path)
    if is_taken(full_path) and full_path.lower() != old.lower():
        raise InvalidPath("path", TAKEN)


def _moved(path: str, old: str, new: str) -> str:
    moved = new + path[len(old) :]
    if len(moved) > PATH_LIMIT:
        raise InvalidPath("path", f"is too long for what lies in it (maximum is {PATH_LIMIT} characters)")
    return moved
