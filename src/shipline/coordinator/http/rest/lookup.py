"""What every resource needs: who calls, which project is meant, one page of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError

from shipline.coordinator import access
from shipline.coordinator.models import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_LIMIT = 100


def me(request: HttpRequest) -> User:
    return request.auth  # type: ignore[attr-defined, no-any-return]


def find_project(request: HttpRequest, project_id: str, level: int = access.GUEST) -> Project:
    """By number or by path. What the caller may not see is not there; what it may see but not do is 403."""
    path = unquote(project_id)
    key: dict[str, Any] = {"pk": int(path)} if path.isdigit() else {"path_with_namespace": path}
    project = Project.objects.filter(**key).first()
    if project is None or not access.may_read(me(request), project):
        raise Http404("Project")
    if access.level(me(request), project) < level:
        raise HttpError(403, "403 Forbidden")
    return project


def page_of(
    request: HttpRequest, rows: Any, response: HttpResponse, page: int, per_page: int
) -> Sequence[Any]:
    per_page = max(1, min(per_page, PAGE_LIMIT))
    page = max(1, page)
    total = rows.count()
    response["X-Total"] = str(total)
    response["X-Page"] = str(page)
    response["X-Per-Page"] = str(per_page)
    response["X-Total-Pages"] = str(-(-total // per_page))
    response["X-Next-Page"] = str(page + 1) if page * per_page < total else ""
    return list(rows[(page - 1) * per_page : page * per_page])
