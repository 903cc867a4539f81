"""What every resource needs: who calls, which project is meant, one page of a list, GitLab's refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, unquote, urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import AuthenticationError, HttpError
from pydantic import AfterValidator

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.callers import caller
from shipline.coordinator.models import Group, Project
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_LIMIT = 100
PAGES_LIMIT = 1_000_000


class Invalid(Exception):
    """400 with GitLab's shape for a wrong field: {"message": {field: [words]}}."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field} {words}")
        self.field, self.words = field, words


def me(request: HttpRequest) -> User:
    """Raises AuthenticationError for nobody in particular."""
    user = caller(request).user
    if isinstance(user, AnonymousUser):
        raise AuthenticationError
    return user


def reader(request: HttpRequest) -> User | AnonymousUser:
    """Who reads: perhaps nobody in particular (callers.AnybodyReads)."""
    return caller(request).user


def known_level(level: int) -> int:
    """Raises ValueError."""
    if level not in (0, 5, 10, 15, 20, 30, 40, 50):
        raise ValueError("does not have a valid value")
    return level


# In a query; 0 is as good as none.
AccessLevel = Annotated[int, AfterValidator(known_level)]


def administrator(request: HttpRequest) -> User:
    """The caller, who has to be one. Raises HttpError 403."""
    caller = me(request)
    if not caller.is_superuser:
        raise HttpError(403, "403 Forbidden")
    return caller


def somebody(request: HttpRequest) -> User:
    """The caller, who has to be a person: a project's or group's token makes nothing outside of it, and no other
    tokens. Raises HttpError 403."""
    token = caller(request).token
    if token is None or token.project_id is not None or token.group_id is not None:
        raise HttpError(403, "403 Forbidden")
    return me(request)


def allow(request: HttpRequest, project: Project, *abilities: Ability) -> None:
    """Raises HttpError 403 unless the caller has all of them."""
    if not all(access.may(reader(request), project, ability) for ability in abilities):
        raise HttpError(403, "403 Forbidden")


def find_project(
    request: HttpRequest, project_id: str, needed: int | Ability = Ability.READ_PROJECT
) -> Project:
    """By number or by path. What the caller may not see is not there; what it may see but not do is 403. A job
    sees its own project alone."""
    path = unquote(project_id)
    project = Project.objects.filter(**key_of(path, "path_with_namespace")).first()
    calling = caller(request)
    if project is None or (calling.job is not None and calling.job.project_id != project.pk):
        raise Http404("Project")
    if not access.may_see(calling.user, project):
        raise Http404("Project")
    if isinstance(needed, Ability):
        allow(request, project, needed)
    elif access.level(calling.user, project) < needed:
        raise HttpError(403, "403 Forbidden")
    return project


def find_group(request: HttpRequest, group_id: str, level: int = access.NONE) -> Group:
    """By number or by path, as `find_project`; no user's own namespace."""
    group = Group.objects.filter(owner=None, **key_of(unquote(group_id), "full_path")).first()
    if group is None or not access.may_see_group(reader(request), group):
        raise Http404("Group")
    if access.group_level(reader(request), group) < level:
        raise HttpError(403, "403 Forbidden")
    return group


def key_of(name: str, path_field: str) -> dict[str, Any]:
    """What to look for: a number, or a path, which is the same however its letters are cased."""
    numeric = name.isascii() and name.isdigit() and len(name) <= 18
    return {"pk": int(name)} if numeric else {f"{path_field}__iexact": name.replace("\0", "")}


def page_of(
    request: HttpRequest, rows: Any, response: HttpResponse, page: int, per_page: int
) -> Sequence[Any]:
    """One page of a queryset or a list, and the headers that tell of the others."""
    per_page = max(1, min(per_page, PAGE_LIMIT))
    page = max(1, min(page, PAGES_LIMIT))
    total = len(rows) if isinstance(rows, list) else rows.count()
    last = max(1, -(-total // per_page))
    response["X-Total"] = str(total)
    response["X-Page"] = str(page)
    response["X-Per-Page"] = str(per_page)
    response["X-Total-Pages"] = str(last)
    response["X-Prev-Page"] = str(page - 1) if page > 1 else ""
    response["X-Next-Page"] = str(page + 1) if page < last else ""
    response["Link"] = _links(request, page, last)
    return list(rows[(page - 1) * per_page : page * per_page])


def endless_page(
    request: HttpRequest,
    found: Callable[[int, int], Sequence[Any]],
    response: HttpResponse,
    page: int,
    per_page: int,
) -> Sequence[Any]:
    """A page of what nobody has counted. `found` takes how many to pass over and how many to give."""
    per_page = max(1, min(per_page, PAGE_LIMIT))
    page = max(1, min(page, PAGES_LIMIT))
    rows = found((page - 1) * per_page, per_page + 1)
    last = page if len(rows) <= per_page else page + 1
    response["X-Page"] = str(page)
    response["X-Per-Page"] = str(per_page)
    response["X-Prev-Page"] = str(page - 1) if page > 1 else ""
    response["X-Next-Page"] = str(page + 1) if last > page else ""
    response["Link"] = _links(request, page, last, counted=False)
    return rows[:per_page]


def keyset_page(
    request: HttpRequest, rows: Any, response: HttpResponse, per_page: int, *, down: bool
) -> Sequence[Any]:
    """A page by id: what it begins after is in the link to it, so that it costs the same however far in."""
    per_page = max(1, min(per_page, PAGE_LIMIT))
    found = list(rows.order_by("-id" if down else "id")[: per_page + 1])
    if len(found) > per_page:
        after = "id_before" if down else "id_after"
        rest = [pair for pair in _query(request) if pair[0] not in ("page", "id_before", "id_after")]
        query = urlencode([*rest, (after, found[per_page - 1].pk)])
        response["Link"] = f'<{_address(request)}?{query}>; rel="next"'
    return found[:per_page]


def _query(request: HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)


def _address(request: HttpRequest) -> str:
    # The path as it was sent: a project's path in it is one segment, with its slash escaped.
    path: str = request.scope["raw_path"].decode("latin-1")  # type: ignore[attr-defined]
    return services().config.coordinator.external_url + path


def _links(request: HttpRequest, page: int, last: int, *, counted: bool = True) -> str:
    """Clients follow these from page to page."""
    rest = [pair for pair in _query(request) if pair[0] != "page"]
    pages = {"prev": page - 1, "next": page + 1, "first": 1} | ({"last": last} if counted else {})
    base = _address(request)
    return ", ".join(
        f'<{base}?{urlencode([*rest, ("page", number)])}>; rel="{name}"'
        for name, number in pages.items()
        if 1 <= number <= last
    )
