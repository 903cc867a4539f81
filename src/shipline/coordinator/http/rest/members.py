"""Members of projects and groups, with GitLab's access levels."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.lookup import Invalid, find_group, find_project, me, page_of
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import Group, GroupMember, Membership, Project
from shipline.coordinator.models.group import paths_above

router = Router()
Level = Literal[10, 20, 30, 40, 50]
Member = Membership | GroupMember
# Nobody's id is larger.
LARGEST = 1 << 62


class NewMember(Schema):
    """Somebody by number or by name."""

    user_id: int | None = None
    username: str | None = None
    access_level: Level
    expires_at: date | None = None


class ChangedMember(Schema):
    access_level: Level
    expires_at: date | None = None


def member_json(member: Member) -> dict[str, Any]:
    return user_json(member.user) | {
        "access_level": member.access_level,
        "expires_at": member.expires_at,
        "membership_state": "active",
    }


def _project(request: HttpRequest, project_id: str, level: int = access.NONE) -> Project:
    """Nobody gives, or takes, more than they have."""
    project = find_project(request, project_id, Ability.MANAGE_MEMBERS)
    if level > access.level(me(request), project):
        raise HttpError(403, "403 Forbidden")
    return project


def _group(request: HttpRequest, group_id: str) -> Group:
    return find_group(request, group_id, access.OWNER)


def _user(body: NewMember) -> User:
    if body.username:
        found = User.objects.filter(username=body.username.replace("\0", "")).first()
    elif body.user_id is not None:
        found = User.objects.filter(pk=min(max(body.user_id, 0), LARGEST)).first()
    else:
        raise Invalid("user_id", "or username is missing")
    if found is None:
        raise Http404("User")
    return found


def _created(member: Member, made: bool) -> tuple[int, dict[str, Any]]:
    if not made:
        raise HttpError(409, "Member already exists")
    return 201, member_json(member)


def _changed(member: Member, body: ChangedMember) -> dict[str, Any]:
    member.access_level = body.access_level
    member.expires_at = body.expires_at
    member.save(update_fields=["access_level", "expires_at"])
    return member_json(member)


def _one(rows: Any, user_id: int) -> Any:
    member = rows.select_related("user").filter(user=min(max(user_id, 0), LARGEST)).first()
    if member is None:
        raise Http404("Member")
    return member


def _all(direct: list[Member], paths: list[str]) -> list[dict[str, Any]]:
    """Those, and who has a role by a group above; everybody once, with their highest role."""
    highest: dict[int, Member] = {}
    inherited = GroupMember.objects.select_related("user").filter(group__full_path__in=paths)
    for member in [*direct, *inherited]:
        known = highest.get(member.user_id)
        if known is None or known.access_level < member.access_level:
            highest[member.user_id] = member
    return [member_json(highest[user]) for user in sorted(highest)]


def _searched(rows: Any, query: str) -> Any:
    return rows.filter(user__username__icontains=query.replace("\0", "")) if query else rows


@router.get("/projects/{project_id}/members")
def list_members(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    query: str = "",
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_MEMBERS)
    rows = _searched(project.memberships.select_related("user").order_by("id"), query)
    return [member_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.get("/projects/{project_id}/members/all")
def list_all_members(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_MEMBERS)
    found = _all(list(project.memberships.select_related("user")), paths_above(project.path_with_namespace))
    return list(page_of(request, found, response, page, per_page))


@router.get("/projects/{project_id}/members/all/{user_id}")
def get_member_of_all(request: HttpRequest, project_id: str, user_id: int) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_MEMBERS)
    found = _all(list(project.memberships.select_related("user")), paths_above(project.path_with_namespace))
    for member in found:
        if member["id"] == user_id:
            return member
    raise Http404("Member")


@router.post("/projects/{project_id}/members", response={201: dict[str, Any]})
def new_member(request: HttpRequest, project_id: str, body: NewMember) -> tuple[int, dict[str, Any]]:
    project = _project(request, project_id, body.access_level)
    values = {"access_level": body.access_level, "expires_at": body.expires_at}
    return _created(*Membership.objects.get_or_create(project=project, user=_user(body), defaults=values))


@router.get("/projects/{project_id}/members/{user_id}")
def get_member(request: HttpRequest, project_id: str, user_id: int) -> dict[str, Any]:
    return member_json(_one(find_project(request, project_id, Ability.READ_MEMBERS).memberships, user_id))


@router.put("/projects/{project_id}/members/{user_id}")
def change_member(request: HttpRequest, project_id: str, user_id: int, body: ChangedMember) -> dict[str, Any]:
    member = _one(_project(request, project_id, body.access_level).memberships, user_id)
    _project(request, project_id, member.access_level)
    return _changed(member, body)


@router.delete("/projects/{project_id}/members/{user_id}", response={204: None})
def delete_member(request: HttpRequest, project_id: str, user_id: int) -> tuple[int, None]:
    """Everybody may leave."""
    project = find_project(request, project_id)
    member = _one(project.memberships, user_id)
    if member.user_id != me(request).pk:
        _project(request, project_id, member.access_level)
    member.delete()
    return 204, None


@router.get("/groups/{group_id}/members")
def list_group_members(
    request: HttpRequest,
    response: HttpResponse,
    group_id: str,
    query: str = "",
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    rows = _searched(find_group(request, group_id).members.select_related("user").order_by("id"), query)
    return [member_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.get("/groups/{group_id}/members/all")
def list_all_group_members(
    request: HttpRequest, response: HttpResponse, group_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    group = find_group(request, group_id)
    found = _all(list(group.members.select_related("user")), paths_above(group.full_path))
    return list(page_of(request, found, response, page, per_page))


@router.post("/groups/{group_id}/members", response={201: dict[str, Any]})
def new_group_member(request: HttpRequest, group_id: str, body: NewMember) -> tuple[int, dict[str, Any]]:
    group = _group(request, group_id)
    values = {"access_level": body.access_level, "expires_at": body.expires_at}
    return _created(*GroupMember.objects.get_or_create(group=group, user=_user(body), defaults=values))


@router.get("/groups/{group_id}/members/{user_id}")
def get_group_member(request: HttpRequest, group_id: str, user_id: int) -> dict[str, Any]:
    return member_json(_one(find_group(request, group_id).members, user_id))


@router.put("/groups/{group_id}/members/{user_id}")
def change_group_member(
    request: HttpRequest, group_id: str, user_id: int, body: ChangedMember
) -> dict[str, Any]:
    return _changed(_one(_group(request, group_id).members, user_id), body)


@router.delete("/groups/{group_id}/members/{user_id}", response={204: None})
def delete_group_member(request: HttpRequest, group_id: str, user_id: int) -> tuple[int, None]:
    member = _one(find_group(request, group_id).members, user_id)
    if member.user_id != me(request).pk:
        _group(request, group_id)
    member.delete()
    return 204, None
