"""Links of a release: assets that lie elsewhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import releases
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.http.rest.releases import NewLink, Text, find_release, link_json, refused
from shipline.coordinator.models import Release, ReleaseLink
from shipline.coordinator.release_assets import URL_LIMIT, Link

router = Router(auth=AnybodyReads())
LINKS = "/projects/{project_id}/releases/{path:tag_name}/assets/links"


def _release(
    request: HttpRequest, project_id: str, tag: str, ability: Ability = Ability.READ_CODE
) -> Release:
    return find_release(find_project(request, project_id, ability), tag)


def _link(release: Release, link_id: int) -> ReleaseLink:
    found = ReleaseLink.objects.select_related("release__project").filter(release=release, pk=link_id).first()
    if found is None:
        raise Http404("Link")
    return found


@router.get(LINKS)
def list_links(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    tag_name: str,
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    release = _release(request, project_id, tag_name)
    rows = release.links.order_by("-id")
    return [link_json(row, release) for row in page_of(request, rows, response, page, per_page)]


@router.post(LINKS, response={201: dict[str, Any]})
def new_link(
    request: HttpRequest, project_id: str, tag_name: str, body: NewLink
) -> tuple[int, dict[str, Any]]:
    release = _release(request, project_id, tag_name, Ability.CREATE_RELEASE)
    try:
        return 201, link_json(releases.add_link(release, me(request), body.asked()), release)
    except releases.RefusedRelease as error:
        raise refused(error) from error


@router.get(LINKS + "/{int:link_id}")
def get_link(request: HttpRequest, project_id: str, tag_name: str, link_id: int) -> dict[str, Any]:
    release = _release(request, project_id, tag_name)
    return link_json(_link(release, link_id), release)


class ChangedLink(Schema):
    name: Text | None = None
    url: Annotated[str, Field(max_length=URL_LIMIT)] | None = None
    direct_asset_path: Text | None = None
    filepath: Text | None = None
    link_type: Literal["other", "runbook", "image", "package"] | None = None


@router.put(LINKS + "/{int:link_id}")
def change_link(
    request: HttpRequest, project_id: str, tag_name: str, link_id: int, body: ChangedLink
) -> dict[str, Any]:
    release = _release(request, project_id, tag_name, Ability.CREATE_RELEASE)
    row = _link(release, link_id)
    if body.name is None and body.url is None:
        raise HttpError(400, "name, url are missing, at least one parameter must be provided")
    path = body.filepath if body.direct_asset_path is None else body.direct_asset_path
    wanted = Link(
        row.name if body.name is None else body.name,
        row.url if body.url is None else body.url,
        row.filepath if path is None else path,
        body.link_type or row.link_type,
    )
    try:
        return link_json(releases.change_link(row, me(request), wanted), release)
    except releases.RefusedRelease as error:
        raise refused(error) from error


@router.delete(LINKS + "/{int:link_id}")
def delete_link(request: HttpRequest, project_id: str, tag_name: str, link_id: int) -> dict[str, Any]:
    release = _release(request, project_id, tag_name, Ability.CREATE_RELEASE)
    row = _link(release, link_id)
    shown = link_json(row, release)
    try:
        releases.delete_link(row, me(request))
    except releases.RefusedRelease as error:
        raise refused(error) from error
    return shown
