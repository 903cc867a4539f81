"""Who calls, which server answers; users and their tokens, which an administrator makes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import tokens
from shipline.coordinator.http.rest.lookup import Invalid, administrator, me, page_of
from shipline.coordinator.models import PersonalAccessToken
from shipline.version import __version__

router = Router()


@router.get("/version")
def version(request: HttpRequest) -> dict[str, Any]:
    return {"version": "17.0.0", "revision": f"shipline-{__version__}", "enterprise": False}


def user_json(found: User) -> dict[str, Any]:
    return {
        "id": found.pk,
        "username": found.username,
        "name": found.first_name or found.username,
        "state": "active" if found.is_active else "blocked",
    }


@router.get("/user")
def user(request: HttpRequest) -> dict[str, Any]:
    return user_json(me(request)) | {"is_admin": me(request).is_superuser}


@router.get("/users")
def list_users(
    request: HttpRequest, response: HttpResponse, username: str = "", page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    administrator(request)
    rows = User.objects.order_by("-id")
    if username:
        rows = rows.filter(username=username)
    return [user_json(row) for row in page_of(request, rows, response, page, per_page)]


class NewUser(Schema):
    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}$")]
    name: Annotated[str, Field(max_length=150)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    password: Annotated[str, Field(min_length=8, max_length=128)] | None = None


@router.post("/users", response={201: dict[str, Any]})
def new_user(request: HttpRequest, body: NewUser) -> tuple[int, dict[str, Any]]:
    """Without a password the user works with tokens only."""
    administrator(request)
    try:
        made = User.objects.create_user(body.username, body.email, body.password, first_name=body.name)
    except IntegrityError as error:
        raise HttpError(409, "Username has already been taken") from error
    return 201, user_json(made)


class NewToken(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    scopes: Annotated[list[str], Field(min_length=1, max_length=20)]
    expires_at: date | None = None


@router.post("/users/{user_id}/personal_access_tokens", response={201: dict[str, Any]})
def new_token(request: HttpRequest, user_id: int, body: NewToken) -> tuple[int, dict[str, Any]]:
    administrator(request)
    holder = User.objects.filter(pk=user_id).first()
    if holder is None:
        raise Http404("User")
    # Every token can do all that its user can; one that promises less would be a lie.
    if body.scopes != ["api"]:
        raise Invalid("scopes", "can only contain the scope api: tokens with less are not supported")
    expires_at = datetime(*body.expires_at.timetuple()[:3], tzinfo=UTC) if body.expires_at else None
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("expires_at", "must be in the future")
    token = tokens.create_personal_access_token(holder, body.name, body.scopes, expires_at)
    row = PersonalAccessToken.objects.get(token_hash=tokens.digest(token))
    shown = {"id": row.pk, "name": row.name, "scopes": row.scopes, "user_id": holder.pk, "token": token}
    return 201, shown | {"active": True, "revoked": False, "expires_at": body.expires_at}
