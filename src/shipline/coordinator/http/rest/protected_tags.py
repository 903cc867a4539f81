"""Protected tags: who creates them."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.lookup import find_project, page_of
from shipline.coordinator.http.rest.protected_branches import (
    AllowedLevel,
    Level,
    level_json,
    wanted_level,
)
from shipline.coordinator.models import Project, ProtectedTag

router = Router()


class NewTagProtection(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    create_access_level: Level | None = None
    allowed_to_create: Annotated[list[AllowedLevel], Field(max_length=20)] = Field(default_factory=list)


def protected_json(tag: ProtectedTag) -> dict[str, Any]:
    return {"name": tag.name, "create_access_levels": [level_json(tag.pk, tag.create_access_level)]}


def _one(project: Project, name: str) -> ProtectedTag:
    found = project.protected_tags.filter(name=name).first()
    if found is None:
        raise Http404("Protected Tag")
    return found


@router.get("/projects/{project_id}/protected_tags")
def list_protected_tags(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    rows = find_project(request, project_id, Ability.READ_CODE).protected_tags.order_by("name")
    return [protected_json(tag) for tag in page_of(request, rows, response, page, per_page)]


@router.post("/projects/{project_id}/protected_tags", response={201: dict[str, Any]})
def protect_tag(request: HttpRequest, project_id: str, body: NewTagProtection) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, Ability.MANAGE_PROTECTION)
    level = wanted_level("create_access_levels", body.allowed_to_create, body.create_access_level)
    tag, made = ProtectedTag.objects.get_or_create(
        project=project,
        name=body.name,
        defaults={"create_access_level": access.MAINTAINER if level is None else level},
    )
    if not made:
        raise HttpError(409, f"Protected tag '{body.name}' already exists")
    return 201, protected_json(tag)


@router.get("/projects/{project_id}/protected_tags/{path:name}")
def get_protected_tag(request: HttpRequest, project_id: str, name: str) -> dict[str, Any]:
    return protected_json(_one(find_project(request, project_id, Ability.READ_CODE), name))


@router.delete("/projects/{project_id}/protected_tags/{path:name}", response={204: None})
def unprotect_tag(request: HttpRequest, project_id: str, name: str) -> tuple[int, None]:
    _one(find_project(request, project_id, Ability.MANAGE_PROTECTION), name).delete()
    return 204, None
