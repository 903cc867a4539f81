"""Tags of the repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import browsing, protections, refs
from shipline.coordinator.access import Ability
from shipline.coordinator.browsing import Ref
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.commits import commit_json
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.models import Project, Release
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())


def tags_json(project: Project, tags: Sequence[Ref]) -> list[dict[str, Any]]:
    names = [tag.name for tag in tags]
    rows = Release.objects.filter(project=project, tag__in=names).values_list("tag", "description")
    described = dict(rows)
    return [_tag_json(project, tag, described.get(tag.name)) for tag in tags]


def _tag_json(project: Project, tag: Ref, description: str | None) -> dict[str, Any]:
    # A tag may point at what is no commit.
    sha = services().repositories.resolve(project.pk, tag.target)
    return {
        "name": tag.name,
        "message": tag.message,
        "target": tag.target,
        "commit": commit_json(project, browsing.commit(project.pk, sha)) if sha is not None else None,
        "release": {"tag_name": tag.name, "description": description} if description is not None else None,
        "protected": bool(protections.tag_levels(project, tag.name)),
        "created_at": tag.created_at if tag.target != tag.sha else None,
    }


class TagFilter(Schema):
    search: str = ""
    order_by: Literal["name", "updated", "version"] = "updated"
    sort: Literal["asc", "desc"] = "desc"
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/repository/tags")
def list_tags(
    request: HttpRequest, response: HttpResponse, project_id: str, asked: Query[TagFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_CODE)
    wanted = asked.search.strip("^$").lower()
    found = [tag for tag in browsing.refs(project.pk, "tags") if wanted in tag.name.lower()]
    by_date = asked.order_by == "updated"
    found.sort(key=lambda tag: (tag.created_at if by_date else "", tag.name), reverse=asked.sort == "desc")
    return tags_json(project, page_of(request, found, response, asked.page, asked.per_page))


class NewTag(Schema):
    tag_name: Annotated[str, Field(min_length=1, max_length=255)]
    ref: Annotated[str, Field(min_length=1, max_length=255)]
    message: Annotated[str, Field(max_length=10_000)] | None = None


@router.post("/projects/{project_id}/repository/tags", response={201: dict[str, Any]})
def new_tag(request: HttpRequest, project_id: str, body: NewTag) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, Ability.PUSH_CODE)
    try:
        refs.create_tag(project, me(request), body.tag_name, body.ref, body.message or "")
    except refs.RefusedRef as error:
        raise HttpError(error.status, error.words) from error
    return 201, tags_json(project, [_one(project, body.tag_name)])[0]


def _one(project: Project, name: str) -> Ref:
    found = browsing.ref(project.pk, "tags", name)
    if found is None:
        raise Http404("Tag")
    return found


@router.get("/projects/{project_id}/repository/tags/{path:name}")
def get_tag(request: HttpRequest, project_id: str, name: str) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    return tags_json(project, [_one(project, name)])[0]


@router.delete("/projects/{project_id}/repository/tags/{path:name}", response={204: None})
def remove_tag(request: HttpRequest, project_id: str, name: str) -> tuple[int, None]:
    project = find_project(request, project_id, Ability.PUSH_CODE)
    try:
        refs.delete_tag(project, me(request), name)
    except refs.RefusedRef as error:
        raise HttpError(error.status, error.words) from error
    return 204, None
