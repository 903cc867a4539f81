"""What every resource needs: who calls, which project is meant, one page of a list, GitLab's refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError

from shipline.coordinator import access
from shipline.coordinator.models import Project
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_LIMIT = 100
PAGES_LIMIT = 1_000_000
# Larger numbers than the database can hold are nobody's.
NUMBER = r"[0-9]{1,18}"


class Invalid(Exception):
    """400 with GitLab's shape for a wrong field: {"message": {field: [words]}}."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field} {words}")
        self.field, self.words = field, words


def me(request: HttpRequest) -> User:
    return request.auth  # type: ignore[attr-defined, no-any-return]


def administrator(request: HttpRequest) -> User:
    """The caller, who has to be one. Raises HttpError 403."""
    caller = me(request)
    if not caller.is_superuser:
        raise HttpError(403, "403 Forbidden")
    return caller


def find_project(request: HttpRequest, project_id: str, level: int = access.GUEST) -> Project:
    """By number or by path. What the caller may not see is not there; what it may see but not do is 403."""
    path = unquote(project_id)
    numeric = path.isascii() and path.isdigit() and len(path) <= 18
    key: dict[str, Any] = {"pk": int(path)} if numeric else {"path_with_namespace": path}
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
    page = max(1, min(page, PAGES_LIMIT))
    total = rows.count()
    last = max(1, -(-total // per_page))
    response["X-Total"] = str(total)
    response["X-Page"] = str(page)
    response["X-Per-Page"] = str(per_page)
    response["X-Total-Pages"] = str(last)
    response["X-Prev-Page"] = str(page - 1) if page > 1 else ""
    response["X-Next-Page"] = str(page + 1) if page < last else ""
    response["Link"] = _links(request, page, last)
    return list(rows[(page - 1) * per_page : page * per_page])


def _links(request: HttpRequest, page: int, last: int) -> str:
    """Clients follow these from page to page."""
    # The path as it was sent: a project's path in it is one segment, with its slash escaped.
    path = request.scope["raw_path"].decode("latin-1")  # type: ignore[attr-defined]
    rest = [pair for pair in parse_qsl(request.META.get("QUERY_STRING", "")) if pair[0] != "page"]
    pages = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
    base = services().config.coordinator.external_url + path
    return ", ".join(
        f'<{base}?{urlencode([*rest, ("page", number)])}>; rel="{name}"'
        for name, number in pages.items()
        if 1 <= number <= last
    )
