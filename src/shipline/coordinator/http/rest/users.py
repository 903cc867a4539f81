"""Who calls, which server answers; users, whom an administrator makes."""

from __future__ import annotations

from typing import Annotated, Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator.groups import RESERVED_NAMES, is_taken, namespace_of
from shipline.coordinator.http.rest.lookup import Invalid, administrator, me, page_of
from shipline.coordinator.services import services
from shipline.version import __version__

router = Router()
GITLAB_VERSION = "17.0.0"


@router.get("/version")
def version(request: HttpRequest) -> dict[str, Any]:
    """What clients decide by which calls they can make."""
    return {"version": GITLAB_VERSION, "revision": f"shipline-{__version__}", "enterprise": False}


@router.get("/metadata")
def metadata(request: HttpRequest) -> dict[str, Any]:
    kas = {"enabled": False, "externalUrl": None, "externalK8sProxyUrl": None, "version": None}
    return version(request) | {"kas": kas}


def user_json(found: User) -> dict[str, Any]:
    return {
        "id": found.pk,
        "username": found.username,
        "name": found.first_name or found.username,
        "state": "active" if found.is_active else "blocked",
        "locked": False,
        "avatar_url": None,
        "web_url": f"{services().config.coordinator.external_url}/{found.username}",
    }


def full_user_json(found: User) -> dict[str, Any]:
    """As administrators see others, and everybody themselves."""
    own = namespace_of(found)
    return user_json(found) | {
        "email": found.email,
        "public_email": "",
        "commit_email": found.email,
        "bot": found.access_tokens.exclude(project=None, group=None).exists(),
        "created_at": found.date_joined,
        "is_admin": found.is_superuser,
        "namespace_id": own.pk if own is not None else None,
        "external": False,
        "two_factor_enabled": False,
        "identities": [],
    }


@router.get("/user")
def user(request: HttpRequest) -> dict[str, Any]:
    return full_user_json(me(request))


class UserFilter(Schema):
    username: str = ""
    search: str = ""
    active: bool | None = None
    page: int = 1
    per_page: int = 20


@router.get("/users")
def list_users(
    request: HttpRequest, response: HttpResponse, asked: Query[UserFilter]
) -> list[dict[str, Any]]:
    """Everybody may look others up, by name too; their addresses only administrators see."""
    rows = User.objects.order_by("-id")
    if asked.username:
        rows = rows.filter(username__iexact=asked.username.replace("\0", ""))
    if asked.search:
        rows = rows.filter(username__icontains=asked.search.replace("\0", ""))
    if asked.active is not None:
        rows = rows.filter(is_active=asked.active)
    show = full_user_json if me(request).is_superuser else user_json
    return [show(row) for row in page_of(request, rows, response, asked.page, asked.per_page)]


def find_user(user_id: int) -> User:
    found = User.objects.filter(pk=min(max(user_id, 0), 1 << 62)).first()
    if found is None:
        raise Http404("User")
    return found


@router.get("/users/{user_id}")
def get_user(request: HttpRequest, user_id: int) -> dict[str, Any]:
    found = find_user(user_id)
    return full_user_json(found) if me(request).is_superuser or found == me(request) else user_json(found)


class NewUser(Schema):
    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}$")]
    name: Annotated[str, Field(max_length=150)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    password: Annotated[str, Field(min_length=8, max_length=128)] | None = None
    admin: bool = False


class ChangedUser(Schema):
    name: Annotated[str, Field(max_length=150)] | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    password: Annotated[str, Field(min_length=8, max_length=128)] | None = None
    admin: bool | None = None


@router.post("/users", response={201: dict[str, Any]})
def new_user(request: HttpRequest, body: NewUser) -> tuple[int, dict[str, Any]]:
    """Without a password the user works with tokens only."""
    administrator(request)
    if body.username.lower() in RESERVED_NAMES:
        raise Invalid("username", f"{body.username} is a reserved name")
    if is_taken(body.username):
        raise HttpError(409, "Username has already been taken")
    try:
        with transaction.atomic():
            made = User.objects.create_user(
                body.username, body.email, body.password, first_name=body.name, is_superuser=body.admin
            )
            namespace_of(made)
    except IntegrityError as error:
        raise HttpError(409, "Username has already been taken") from error
    return 201, full_user_json(made)


@router.put("/users/{user_id}")
def change_user(request: HttpRequest, user_id: int, body: ChangedUser) -> dict[str, Any]:
    administrator(request)
    found = find_user(user_id)
    if body.name is not None:
        found.first_name = body.name
    if body.email is not None:
        found.email = body.email
    if body.password is not None:
        found.set_password(body.password)
    if body.admin is not None and found != me(request):
        found.is_superuser = body.admin
    found.save()
    return full_user_json(found)


def _set_active(request: HttpRequest, user_id: int, active: bool) -> bool:
    administrator(request)
    found = find_user(user_id)
    if found == me(request):
        raise HttpError(403, "403 Forbidden - you cannot block yourself")
    found.is_active = active
    found.save(update_fields=["is_active"])
    return True


@router.post("/users/{user_id}/block", response={201: bool})
def block_user(request: HttpRequest, user_id: int) -> tuple[int, bool]:
    """From now on no token of theirs opens anything."""
    return 201, _set_active(request, user_id, active=False)


@router.post("/users/{user_id}/unblock", response={201: bool})
def unblock_user(request: HttpRequest, user_id: int) -> tuple[int, bool]:
    return 201, _set_active(request, user_id, active=True)
