"""Who calls, and which server answers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from shipline.coordinator.http.rest.lookup import me
from shipline.version import __version__

router = Router()


@router.get("/version")
def version(request: HttpRequest) -> dict[str, Any]:
    return {"version": "17.0.0", "revision": f"shipline-{__version__}", "enterprise": False}


@router.get("/user")
def user(request: HttpRequest) -> dict[str, Any]:
    caller = me(request)
    return {
        "id": caller.pk,
        "username": caller.username,
        "name": caller.first_name,
        "state": "active",
        "is_admin": caller.is_superuser,
    }
