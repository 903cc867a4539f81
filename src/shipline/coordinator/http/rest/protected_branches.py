"""Protected branches: maintainers push to them, nobody forces or deletes."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.http.rest.lookup import find_project
from shipline.coordinator.models import ProtectedBranch

router = Router()


@router.get("/projects/{project_id}/protected_branches")
def list_protected(request: HttpRequest, project_id: str) -> list[dict[str, Any]]:
    project = find_project(request, project_id)
    return [protected_json(branch) for branch in project.protected_branches.order_by("name")]


def protected_json(branch: ProtectedBranch) -> dict[str, Any]:
    maintainers = [{"access_level": access.MAINTAINER, "access_level_description": "Maintainers"}]
    return {
        "id": branch.pk,
        "name": branch.name,
        "push_access_levels": maintainers,
        "merge_access_levels": maintainers,
        "allow_force_push": False,
    }


class NewProtection(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)]


@router.post("/projects/{project_id}/protected_branches", response={201: dict[str, Any]})
def protect(request: HttpRequest, project_id: str, body: NewProtection) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.ADMINISTER)
    branch, made = ProtectedBranch.objects.get_or_create(project=project, name=body.name)
    if not made:
        raise HttpError(409, f"Protected branch '{body.name}' already exists")
    return 201, protected_json(branch)


# A branch's name may hold slashes, which are decoded when it gets here.
@router.get("/projects/{project_id}/protected_branches/{path:name}")
def get_protected(request: HttpRequest, project_id: str, name: str) -> dict[str, Any]:
    found = find_project(request, project_id).protected_branches.filter(name=name).first()
    if found is None:
        raise Http404("Protected Branch")
    return protected_json(found)


@router.delete("/projects/{project_id}/protected_branches/{path:name}", response={204: None})
def unprotect(request: HttpRequest, project_id: str, name: str) -> tuple[int, None]:
    project = find_project(request, project_id, access.ADMINISTER)
    if not project.protected_branches.filter(name=name).delete()[0]:
        raise Http404("Protected Branch")
    return 204, None
