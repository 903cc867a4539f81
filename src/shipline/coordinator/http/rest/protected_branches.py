"""Protected branches: who pushes, who merges, may anybody force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.lookup import Invalid, find_project, page_of
from shipline.coordinator.models import Project, ProtectedBranch

router = Router()
Level = Literal[0, 30, 40, 60]
NAMES = {
    0: "No one",
    access.DEVELOPER: "Developers + Maintainers",
    access.MAINTAINER: "Maintainers",
    access.ADMIN: "Administrators",
}


class AllowedLevel(Schema):
    """One of `allowed_to_push` and the like. Users and groups by themselves are of GitLab's paid tiers."""

    access_level: Level | None = None
    user_id: int | None = None
    group_id: int | None = None


class NewProtection(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    push_access_level: Level | None = None
    merge_access_level: Level | None = None
    allow_force_push: bool = False
    allowed_to_push: Annotated[list[AllowedLevel], Field(max_length=20)] = Field(default_factory=list)
    allowed_to_merge: Annotated[list[AllowedLevel], Field(max_length=20)] = Field(default_factory=list)


class ChangedProtection(Schema):
    allow_force_push: bool | None = None
    allowed_to_push: Annotated[list[AllowedLevel], Field(max_length=20)] = Field(default_factory=list)
    allowed_to_merge: Annotated[list[AllowedLevel], Field(max_length=20)] = Field(default_factory=list)


def level_json(row_id: int, level: int) -> dict[str, Any]:
    return {
        "id": row_id,
        "access_level": level,
        "access_level_description": NAMES[level],
        "user_id": None,
        "group_id": None,
    }


def wanted_level(field: str, levels: Sequence[AllowedLevel], level: int | None = None) -> int | None:
    """The lowest of the levels that are named; None when none is. Raises Invalid."""
    if any(one.user_id is not None or one.group_id is not None for one in levels):
        raise Invalid(field, "cannot be for single users or groups here: give an access_level")
    named: list[int] = [one.access_level for one in levels if one.access_level is not None]
    if level is not None:
        named.append(level)
    return min(named, key=lambda one: one or 100) if named else None


def protected_json(branch: ProtectedBranch) -> dict[str, Any]:
    return {
        "id": branch.pk,
        "name": branch.name,
        "push_access_levels": [level_json(branch.pk, branch.push_access_level)],
        "merge_access_levels": [level_json(branch.pk, branch.merge_access_level)],
        "allow_force_push": branch.allow_force_push,
        "code_owner_approval_required": False,
    }


@router.get("/projects/{project_id}/protected_branches")
def list_protected(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    search: str = "",
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    rows = find_project(request, project_id, Ability.READ_CODE).protected_branches.order_by("name")
    if search:
        rows = rows.filter(name__icontains=search.replace("\0", ""))
    return [protected_json(branch) for branch in page_of(request, rows, response, page, per_page)]


@router.post("/projects/{project_id}/protected_branches", response={201: dict[str, Any]})
def protect(request: HttpRequest, project_id: str, body: NewProtection) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, Ability.MANAGE_PROTECTION)
    push = wanted_level("push_access_levels", body.allowed_to_push, body.push_access_level)
    merge = wanted_level("merge_access_levels", body.allowed_to_merge, body.merge_access_level)
    branch, made = ProtectedBranch.objects.get_or_create(
        project=project,
        name=body.name,
        defaults={
            "push_access_level": access.MAINTAINER if push is None else push,
            "merge_access_level": access.MAINTAINER if merge is None else merge,
            "allow_force_push": body.allow_force_push,
        },
    )
    if not made:
        raise HttpError(409, f"Protected branch '{body.name}' already exists")
    return 201, protected_json(branch)


def _one(project: Project, name: str) -> ProtectedBranch:
    found = project.protected_branches.filter(name=name).first()
    if found is None:
        raise Http404("Protected Branch")
    return found


# A branch's name may hold slashes, which are decoded when it gets here.
@router.get("/projects/{project_id}/protected_branches/{path:name}")
def get_protected(request: HttpRequest, project_id: str, name: str) -> dict[str, Any]:
    return protected_json(_one(find_project(request, project_id, Ability.READ_CODE), name))


@router.patch("/projects/{project_id}/protected_branches/{path:name}")
def change_protected(
    request: HttpRequest, project_id: str, name: str, body: ChangedProtection
) -> dict[str, Any]:
    branch = _one(find_project(request, project_id, Ability.MANAGE_PROTECTION), name)
    push = wanted_level("push_access_levels", body.allowed_to_push)
    merge = wanted_level("merge_access_levels", body.allowed_to_merge)
    branch.push_access_level = branch.push_access_level if push is None else push
    branch.merge_access_level = branch.merge_access_level if merge is None else merge
    if body.allow_force_push is not None:
        branch.allow_force_push = body.allow_force_push
    branch.save()
    return protected_json(branch)


@router.delete("/projects/{project_id}/protected_branches/{path:name}", response={204: None})
def unprotect(request: HttpRequest, project_id: str, name: str) -> tuple[int, None]:
    _one(find_project(request, project_id, Ability.MANAGE_PROTECTION), name).delete()
    return 204, None
