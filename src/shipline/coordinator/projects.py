"""Use cases around projects."""

from __future__ import annotations

import re

from django.db import transaction

from shipline.coordinator.models import Project, ProjectVariable
from shipline.coordinator.prepared import Prepared
from shipline.coordinator.services import services
from shipline.errors import ShiplineError
from shipline.model.variable import SettingsVariable, Variable

PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
PATH_LIMIT = 255
RESERVED_ENDINGS = (".git", ".atom", ".")
RESERVED_NAMES = frozenset({"api", "jwt", "users", "static", "-", "admin", "v2"})


class InvalidProject(ShiplineError):
    code = "invalid_project"


def create_project(
    namespace: str,
    path: str,
    *,
    name: str = "",
    description: str = "",
    visibility: str = "private",
    default_branch: str = "main",
) -> Project:
    """A project with an empty repository. Raises InvalidProject, with GitLab's words."""
    parts = [*namespace.split("/"), path] if namespace else [path]
    if len(parts) < 2 or any(not PATH.fullmatch(part) or part.endswith(RESERVED_ENDINGS) for part in parts):
        raise InvalidProject("path can contain only letters, digits, '_', '-' and '.', and needs a namespace")
    if parts[0] in RESERVED_NAMES:
        raise InvalidProject(f"namespace {parts[0]} is a reserved name")
    if visibility not in ("private", "internal", "public"):
        raise InvalidProject("visibility is not included in the list")
    full = "/".join(parts)
    if len(full) > PATH_LIMIT:
        raise InvalidProject(f"path is too long (maximum is {PATH_LIMIT} characters)")
    if not services().repositories.is_branch_name(default_branch):
        raise InvalidProject("default_branch is not a name that a branch can have")
    with transaction.atomic():
        if Project.objects.filter(path_with_namespace__iexact=full).exists():
            raise InvalidProject("path has already been taken")
        project = Project.objects.create(
            path_with_namespace=full,
            name=name or path,
            description=description,
            visibility=visibility,
            default_branch=default_branch,
        )
        services().repositories.create(project.pk, default_branch)
    return project


def settings_variables(project: Project) -> list[SettingsVariable]:
    """The project's CI/CD variables."""
    return [settings_variable(row) for row in _VARIABLES.all(project.pk)]


_VARIABLES = Prepared(lambda project: ProjectVariable.objects.filter(project=project).order_by("key"), -1)


def settings_variable(row: ProjectVariable) -> SettingsVariable:
    variable = Variable(
        row.key,
        row.value,
        public=False,
        masked=row.masked,
        file=row.variable_type == "file",
        raw=row.raw,
    )
    return SettingsVariable(variable, row.protected, row.environment_scope)
