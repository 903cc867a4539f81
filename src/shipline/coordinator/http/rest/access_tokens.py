"""Access tokens: personal ones, and those of projects and groups. A token's secret is shown once."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.access_tokens import (
    InvalidToken,
    Made,
    create,
    create_for,
    is_bot,
    level_of,
    revoke,
    rotate,
)
from shipline.coordinator.http.rest.callers import caller
from shipline.coordinator.http.rest.lookup import (
    Invalid,
    administrator,
    find_group,
    find_project,
    me,
    page_of,
    somebody,
)
from shipline.coordinator.http.rest.users import find_user
from shipline.coordinator.models import Group, PersonalAccessToken, Project

router = Router()
LARGEST = 1 << 62


class NewToken(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: Annotated[str, Field(max_length=255)] = ""
    scopes: Annotated[list[str], Field(min_length=1, max_length=20)]
    expires_at: date | None = None


class NewAccessToken(NewToken):
    access_level: Literal[10, 20, 30, 40, 50] = 40


class Rotation(Schema):
    expires_at: date | None = None


class TokenFilter(Schema):
    user_id: int | None = None
    state: Literal["active", "inactive"] | None = None
    revoked: bool | None = None
    search: str = ""
    page: int = 1
    per_page: int = 20


def token_json(row: PersonalAccessToken) -> dict[str, Any]:
    over = row.expires_at is not None and row.expires_at <= timezone.now()
    shown = {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "revoked": row.revoked,
        "created_at": row.created_at,
        "scopes": row.scopes,
        "user_id": row.user_id,
        "last_used_at": row.last_used_at,
        "active": not row.revoked and not over,
        "expires_at": row.expires_at.date() if row.expires_at is not None else None,
    }
    if is_bot(row):
        shown["access_level"] = level_of(row)
        shown["resource_type"] = "project" if row.project_id is not None else "group"
        shown["resource_id"] = row.project_id or row.group_id
    return shown


def _shown(made: Made) -> dict[str, Any]:
    return token_json(made.row) | {"token": made.secret}


def _list(
    request: HttpRequest, response: HttpResponse, rows: Any, asked: TokenFilter
) -> list[dict[str, Any]]:
    live = Q(revoked=False) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    if asked.state is not None:
        rows = rows.filter(live) if asked.state == "active" else rows.exclude(live)
    if asked.revoked is not None:
        rows = rows.filter(revoked=asked.revoked)
    if asked.search:
        rows = rows.filter(name__icontains=asked.search.replace("\0", ""))
    return [
        token_json(row) for row in page_of(request, rows.order_by("id"), response, asked.page, asked.per_page)
    ]


def _one(rows: Any, token_id: int) -> PersonalAccessToken:
    found: PersonalAccessToken | None = rows.filter(pk=min(max(token_id, 0), LARGEST)).first()
    if found is None:
        raise Http404("Token")
    return found


def _rotated(row: PersonalAccessToken, body: Rotation | None) -> dict[str, Any]:
    try:
        return _shown(rotate(row, body.expires_at if body is not None else None))
    except InvalidToken as error:
        raise Invalid(error.field, error.words) from error


def _personal(request: HttpRequest) -> Any:
    """Administrators see everybody's, others their own."""
    rows = PersonalAccessToken.objects.select_related("user")
    return rows if me(request).is_superuser else rows.filter(user=me(request))


def _self(request: HttpRequest) -> PersonalAccessToken:
    token = caller(request).token
    if token is None:
        raise HttpError(400, "400 Bad request - this is not an access token")
    return token


@router.post("/users/{user_id}/personal_access_tokens", response={201: dict[str, Any]})
def new_token(request: HttpRequest, user_id: int, body: NewToken) -> tuple[int, dict[str, Any]]:
    administrator(request)
    try:
        made = create(
            find_user(user_id), body.name, body.scopes, body.expires_at, description=body.description
        )
    except InvalidToken as error:
        raise Invalid(error.field, error.words) from error
    return 201, _shown(made)


@router.get("/personal_access_tokens")
def list_tokens(
    request: HttpRequest, response: HttpResponse, asked: Query[TokenFilter]
) -> list[dict[str, Any]]:
    rows = _personal(request)
    if asked.user_id is not None:
        rows = rows.filter(user=min(max(asked.user_id, 0), LARGEST))
    return _list(request, response, rows, asked)


@router.get("/personal_access_tokens/self")
def get_own_token(request: HttpRequest) -> dict[str, Any]:
    return token_json(_self(request))


@router.delete("/personal_access_tokens/self", response={204: None})
def revoke_own_token(request: HttpRequest) -> tuple[int, None]:
    revoke(_self(request))
    return 204, None


@router.post("/personal_access_tokens/self/rotate")
def rotate_own_token(request: HttpRequest, body: Rotation | None = None) -> dict[str, Any]:
    return _rotated(_self(request), body)


@router.get("/personal_access_tokens/{token_id}")
def get_token(request: HttpRequest, token_id: int) -> dict[str, Any]:
    return token_json(_one(_personal(request), token_id))


@router.delete("/personal_access_tokens/{token_id}", response={204: None})
def revoke_token(request: HttpRequest, token_id: int) -> tuple[int, None]:
    revoke(_one(_personal(request), token_id))
    return 204, None


@router.post("/personal_access_tokens/{token_id}/rotate")
def rotate_token(request: HttpRequest, token_id: int, body: Rotation | None = None) -> dict[str, Any]:
    return _rotated(_one(_personal(request), token_id), body)


def _project(request: HttpRequest, project_id: str) -> Project:
    return find_project(request, project_id, Ability.MANAGE_ACCESS_TOKENS)


def _group(request: HttpRequest, group_id: str) -> Group:
    return find_group(request, group_id, access.OWNER)


def _new(
    request: HttpRequest, of: Project | Group, level: int, body: NewAccessToken
) -> tuple[int, dict[str, Any]]:
    """Nobody makes a token that can more than they can, and no bot makes one."""
    somebody(request)
    if body.access_level > level:
        raise HttpError(400, "400 Bad request - The access level of the token can't be greater than yours")
    try:
        return 201, _shown(create_for(of, body.name, body.scopes, body.access_level, body.expires_at))
    except InvalidToken as error:
        raise Invalid(error.field, error.words) from error


@router.get("/projects/{project_id}/access_tokens")
def list_project_tokens(
    request: HttpRequest, response: HttpResponse, project_id: str, asked: Query[TokenFilter]
) -> list[dict[str, Any]]:
    return _list(request, response, _project(request, project_id).access_tokens.all(), asked)


@router.post("/projects/{project_id}/access_tokens", response={201: dict[str, Any]})
def new_project_token(
    request: HttpRequest, project_id: str, body: NewAccessToken
) -> tuple[int, dict[str, Any]]:
    project = _project(request, project_id)
    return _new(request, project, access.level(me(request), project), body)


@router.get("/projects/{project_id}/access_tokens/{token_id}")
def get_project_token(request: HttpRequest, project_id: str, token_id: int) -> dict[str, Any]:
    return token_json(_one(_project(request, project_id).access_tokens, token_id))


@router.delete("/projects/{project_id}/access_tokens/{token_id}", response={204: None})
def revoke_project_token(request: HttpRequest, project_id: str, token_id: int) -> tuple[int, None]:
    revoke(_one(_project(request, project_id).access_tokens, token_id))
    return 204, None


@router.post("/projects/{project_id}/access_tokens/{token_id}/rotate")
def rotate_project_token(
    request: HttpRequest, project_id: str, token_id: int, body: Rotation | None = None
) -> dict[str, Any]:
    project = _project(request, project_id)
    row = _one(project.access_tokens, token_id)
    if (level_of(row) or access.NONE) > access.level(me(request), project):
        raise HttpError(403, "403 Forbidden")
    return _rotated(row, body)


@router.get("/groups/{group_id}/access_tokens")
def list_group_tokens(
    request: HttpRequest, response: HttpResponse, group_id: str, asked: Query[TokenFilter]
) -> list[dict[str, Any]]:
    return _list(request, response, _group(request, group_id).access_tokens.all(), asked)


@router.post("/groups/{group_id}/access_tokens", response={201: dict[str, Any]})
def new_group_token(request: HttpRequest, group_id: str, body: NewAccessToken) -> tuple[int, dict[str, Any]]:
    group = _group(request, group_id)
    return _new(request, group, access.group_level(me(request), group), body)


@router.get("/groups/{group_id}/access_tokens/{token_id}")
def get_group_token(request: HttpRequest, group_id: str, token_id: int) -> dict[str, Any]:
    return token_json(_one(_group(request, group_id).access_tokens, token_id))


@router.delete("/groups/{group_id}/access_tokens/{token_id}", response={204: None})
def revoke_group_token(request: HttpRequest, group_id: str, token_id: int) -> tuple[int, None]:
    revoke(_one(_group(request, group_id).access_tokens, token_id))
    return 204, None


@router.post("/groups/{group_id}/access_tokens/{token_id}/rotate")
def rotate_group_token(
    request: HttpRequest, group_id: str, token_id: int, body: Rotation | None = None
) -> dict[str, Any]:
    return _rotated(_one(_group(request, group_id).access_tokens, token_id), body)
