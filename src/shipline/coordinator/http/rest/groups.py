"""Groups and namespaces."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import unquote

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.deletion import delete_group
from shipline.coordinator.groups import (
    InvalidPath,
    check_path,
    check_segment,
    create_group,
    is_taken,
    namespace_of,
    within,
)
from shipline.coordinator.http.rest.callers import AccessToken, AnybodyReads
from shipline.coordinator.http.rest.lookup import (
    AccessLevel,
    Invalid,
    find_group,
    key_of,
    me,
    page_of,
    reader,
    somebody,
)
from shipline.coordinator.http.rest.projects import ProjectFilter, Visibility, list_of
from shipline.coordinator.models import Group
from shipline.coordinator.moving import move_group
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())
Text = Annotated[str, Field(max_length=255)]
Protection = Annotated[int, Field(ge=0, le=4)]


class NewGroup(Schema):
    name: Text
    path: Text
    parent_id: int | None = None
    description: Annotated[str, Field(max_length=2000)] = ""
    visibility: Visibility = "private"
    default_branch_protection: Protection = 2


class ChangedGroup(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    path: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    visibility: Visibility | None = None
    default_branch_protection: Protection | None = None


class GroupFilter(Schema):
    search: str = ""
    owned: bool = False
    top_level_only: bool = False
    min_access_level: AccessLevel = 0
    order_by: Literal["name", "path", "id", "similarity"] = "name"
    sort: Literal["asc", "desc"] = "asc"
    page: int = 1
    per_page: int = 20


def group_json(group: Group) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    parent = Group.objects.filter(full_path=group.parent_path).first() if group.parent_path else None
    return {
        "id": group.pk,
        "name": group.name,
        "path": group.path,
        "full_path": group.full_path,
        "full_name": group.full_path.replace("/", " / "),
        "description": group.description,
        "visibility": group.visibility,
        "parent_id": parent.pk if parent is not None else None,
        "default_branch_protection": group.default_branch_protection,
        "created_at": group.created_at,
        "web_url": f"{base}/groups/{group.full_path}",
    }


def namespace_json(group: Group) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    parent = Group.objects.filter(full_path=group.parent_path).first() if group.parent_path else None
    return {
        "id": group.pk,
        "name": group.name,
        "path": group.path,
        "kind": "group" if group.owner_id is None else "user",
        "full_path": group.full_path,
        "parent_id": parent.pk if parent is not None else None,
        "web_url": f"{base}/{group.full_path}",
    }


def _seen(request: HttpRequest, rows: Any) -> Any:
    caller = reader(request)
    return rows.filter(pk__in=[row.pk for row in rows if access.may_see_group(caller, row)])


def _list(
    request: HttpRequest, response: HttpResponse, rows: Any, asked: GroupFilter
) -> list[dict[str, Any]]:
    if asked.search:
        rows = rows.filter(full_path__icontains=asked.search.replace("\0", ""))
    if asked.top_level_only:
        rows = rows.exclude(full_path__contains="/")
    rows = _seen(request, rows)
    wanted = access.OWNER if asked.owned else asked.min_access_level
    if wanted:
        caller = me(request)
        rows = rows.filter(pk__in=[row.pk for row in rows if access.group_level(caller, row) >= wanted])
    order = {"path": "full_path", "name": "name"}.get(asked.order_by, "id")
    rows = rows.order_by(f"-{order}" if asked.sort == "desc" else order, "id")
    return [group_json(row) for row in page_of(request, rows, response, asked.page, asked.per_page)]


@router.get("/groups")
def list_groups(
    request: HttpRequest, response: HttpResponse, asked: Query[GroupFilter]
) -> list[dict[str, Any]]:
    return _list(request, response, Group.objects.filter(owner=None), asked)


@router.post("/groups", response={201: dict[str, Any]})
def new_group(request: HttpRequest, body: NewGroup) -> tuple[int, dict[str, Any]]:
    """Anybody but a bot makes a group of their own, maintainers and above one in a group."""
    somebody(request)
    parent = None
    if body.parent_id is not None:
        parent = find_group(request, str(body.parent_id), access.MAINTAINER)
    values = {
        "name": body.name or body.path,
        "description": body.description,
        "visibility": body.visibility,
        "default_branch_protection": body.default_branch_protection,
    }
    try:
        return 201, group_json(create_group(parent, body.path, me(request), values))
    except InvalidPath as error:
        raise Invalid(error.field, error.words) from error


@router.get("/groups/{group_id}")
def get_group(request: HttpRequest, group_id: str) -> dict[str, Any]:
    return group_json(find_group(request, group_id))


@router.put("/groups/{group_id}")
def change_group(request: HttpRequest, group_id: str, body: ChangedGroup) -> dict[str, Any]:
    """Another `path` is another path of all that lies in it."""
    group = find_group(request, group_id, access.OWNER)
    if body.path is not None:
        _check_segment(body.path)
        _move(group, f"{group.parent_path}/{body.path}".removeprefix("/"))
    for name, value in body.dict(exclude_none=True, exclude={"path"}).items():
        setattr(group, name, value)
    group.save()
    return group_json(group)


def _check_segment(path: str) -> None:
    try:
        check_segment(path)
    except InvalidPath as error:
        raise Invalid(error.field, error.words) from error


def _move(group: Group, full_path: str) -> None:
    try:
        move_group(group, full_path)
    except InvalidPath as error:
        raise Invalid(error.field, error.words) from error


class GroupTransfer(Schema):
    """Without `group_id` to the top."""

    group_id: int | None = None


@router.post("/groups/{group_id}/transfer", response={201: dict[str, Any]})
def transfer_group(
    request: HttpRequest, group_id: str, body: GroupTransfer | None = None
) -> tuple[int, dict[str, Any]]:
    """The caller owns the group, and may make groups where it goes."""
    group = find_group(request, group_id, access.OWNER)
    if body is None or body.group_id is None:
        somebody(request)
        above = ""
    else:
        above = find_group(request, str(body.group_id), access.MAINTAINER).full_path
    _move(group, f"{above}/{group.path}".removeprefix("/"))
    return 201, group_json(group)


@router.delete("/groups/{group_id}", response={202: dict[str, Any]})
def remove_group(request: HttpRequest, group_id: str) -> tuple[int, dict[str, Any]]:
    """At once and for good, with every project in it."""
    delete_group(find_group(request, group_id, access.OWNER))
    return 202, {"message": "202 Accepted"}


@router.get("/groups/{group_id}/subgroups")
def list_subgroups(
    request: HttpRequest, response: HttpResponse, group_id: str, asked: Query[GroupFilter]
) -> list[dict[str, Any]]:
    """Those directly in it."""
    group = find_group(request, group_id)
    deeper = Q(full_path__startswith=f"{group.full_path}/")
    level = group.full_path.count("/") + 1
    direct = [row.pk for row in Group.objects.filter(deeper) if row.full_path.count("/") == level]
    return _list(request, response, Group.objects.filter(pk__in=direct), asked)


@router.get("/groups/{group_id}/descendant_groups")
def list_descendants(
    request: HttpRequest, response: HttpResponse, group_id: str, asked: Query[GroupFilter]
) -> list[dict[str, Any]]:
    group = find_group(request, group_id)
    return _list(request, response, Group.objects.filter(within(group)[0]), asked)


@router.get("/groups/{group_id}/projects")
def list_group_projects(
    request: HttpRequest,
    response: HttpResponse,
    group_id: str,
    filters: Query[ProjectFilter],
    include_subgroups: bool = False,
) -> list[dict[str, Any]]:
    group = find_group(request, group_id)
    rows = access.visible_projects(reader(request)).filter(within(group)[1])
    if not include_subgroups:
        rows = rows.exclude(
            path_with_namespace__regex=f"^[^/]+(/[^/]+){{{group.full_path.count('/') + 2},}}$"
        )
    return list_of(request, response, rows, filters)


@router.get("/namespaces", auth=AccessToken())
def list_namespaces(
    request: HttpRequest, response: HttpResponse, search: str = "", page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    """The caller's own, and the groups they have a role in; all of them for an administrator."""
    caller = me(request)
    own = namespace_of(caller)
    rows = Group.objects.all()
    if not caller.is_superuser:
        roles = [row.pk for row in rows.filter(owner=None) if access.group_level(caller, row) >= access.GUEST]
        rows = rows.filter(pk__in=[*roles, *([own.pk] if own is not None else [])])
    if search:
        rows = rows.filter(full_path__icontains=search.replace("\0", ""))
    rows = rows.order_by("full_path")
    return [namespace_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.get("/namespaces/{namespace_id}", auth=AccessToken())
def get_namespace(request: HttpRequest, namespace_id: str) -> dict[str, Any]:
    caller = me(request)
    namespace_of(caller)
    group = Group.objects.filter(**key_of(unquote(namespace_id), "full_path")).first()
    if group is None or not (
        group.owner_id == caller.pk
        or (group.owner_id is None and access.may_see_group(caller, group))
        or caller.is_superuser
    ):
        raise Http404("Namespace")
    return namespace_json(group)


@router.get("/namespaces/{namespace_id}/exists", auth=AccessToken())
def namespace_exists(request: HttpRequest, namespace_id: str) -> dict[str, Any]:
    path = unquote(namespace_id)
    try:
        check_path(path)
    except InvalidPath as error:
        raise HttpError(400, str(error)) from error
    taken = is_taken(path)
    return {"exists": taken, "suggests": [f"{path}1"] if taken else []}
