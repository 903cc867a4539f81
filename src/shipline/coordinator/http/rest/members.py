"""Members of a project, with GitLab's access levels."""

from __future__ import annotations

from typing import Any, Literal

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError

from shipline.coordinator import access
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import Membership, Project

router = Router()
Level = Literal[10, 20, 30, 40, 50]


class NewMember(Schema):
    user_id: int
    access_level: Level


class ChangedMember(Schema):
    access_level: Level


def member_json(member: Membership) -> dict[str, Any]:
    return user_json(member.user) | {"access_level": member.access_level}


def _administered(request: HttpRequest, project_id: str, level: int = access.NONE) -> Project:
    """Nobody gives, or takes, more than they have."""
    project = find_project(request, project_id, access.ADMINISTER)
    if level > access.level(me(request), project):
        raise HttpError(403, "403 Forbidden")
    return project


@router.get("/projects/{project_id}/members")
def list_members(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    rows = find_project(request, project_id).memberships.select_related("user").order_by("id")
    return [member_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.post("/projects/{project_id}/members", response={201: dict[str, Any]})
def new_member(request: HttpRequest, project_id: str, body: NewMember) -> tuple[int, dict[str, Any]]:
    project = _administered(request, project_id, body.access_level)
    user = User.objects.filter(pk=body.user_id).first()
    if user is None:
        raise Http404("User")
    member, made = Membership.objects.get_or_create(
        project=project, user=user, defaults={"access_level": body.access_level}
    )
    if not made:
        raise HttpError(409, "Member already exists")
    return 201, member_json(member)


def _member(project: Project, user_id: int) -> Membership:
    member = project.memberships.select_related("user").filter(user=user_id).first()
    if member is None:
        raise Http404("Member")
    return member


@router.get("/projects/{project_id}/members/{user_id}")
def get_member(request: HttpRequest, project_id: str, user_id: int) -> dict[str, Any]:
    return member_json(_member(find_project(request, project_id), user_id))


@router.put("/projects/{project_id}/members/{user_id}")
def change_member(request: HttpRequest, project_id: str, user_id: int, body: ChangedMember) -> dict[str, Any]:
    member = _member(_administered(request, project_id, body.access_level), user_id)
    _administered(request, project_id, member.access_level)
    member.access_level = body.access_level
    member.save(update_fields=["access_level"])
    return member_json(member)


@router.delete("/projects/{project_id}/members/{user_id}", response={204: None})
def delete_member(request: HttpRequest, project_id: str, user_id: int) -> tuple[int, None]:
    member = _member(_administered(request, project_id), user_id)
    _administered(request, project_id, member.access_level)
    member.delete()
    return 204, None
