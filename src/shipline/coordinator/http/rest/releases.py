"""Releases of a project, the latest one, and where their assets lie."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, releases
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.commits import commit_json
from shipline.coordinator.http.rest.lookup import find_project, me, page_of, reader
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import Project, Release, ReleaseLink
from shipline.coordinator.release_assets import LINKS_LIMIT, URL_LIMIT, Link
from shipline.coordinator.releases import DESCRIPTION_LIMIT
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())
Text = Annotated[str, Field(max_length=255)]
Description = Annotated[str, Field(max_length=DESCRIPTION_LIMIT)]
MILESTONES_LIMIT = 100


def page_of_release(release: Release) -> str:
    base = services().config.coordinator.external_url
    return f"{base}/{release.project.path_with_namespace}/-/releases/{quote(release.tag, safe='')}"


def address_of(release: Release) -> str:
    """In the API, where its assets are led to."""
    base = services().config.coordinator.external_url
    return f"{base}/api/v4/projects/{release.project_id}/releases/{quote(release.tag, safe='')}"


def link_json(link: ReleaseLink, release: Release) -> dict[str, Any]:
    lasting = f"{address_of(release)}/downloads{quote(link.filepath)}"
    return {
        "id": link.pk,
        "name": link.name,
        "url": link.url,
        "direct_asset_url": lasting if link.filepath else link.url,
        "link_type": link.link_type,
    }


def release_json(release: Release, *, with_code: bool) -> dict[str, Any]:
    """Who may not read the code is told no tag and no commit, as with GitLab."""
    links = [link_json(link, release) for link in release.links.order_by("-id")]
    shown: dict[str, Any] = {
        "name": release.name,
        "description": release.description,
        "created_at": release.created_at,
        "released_at": release.released_at,
        "upcoming_release": release.released_at > timezone.now(),
        "author": user_json(release.author) if release.author is not None else None,
        "assets": {"count": len(links), "sources": [], "links": links},
        "evidences": [],
        "_links": {"self": page_of_release(release)},
    }
    if with_code:
        commit = releases.commit_of(release)
        shown["tag_name"] = release.tag
        shown["commit"] = commit_json(release.project, commit) if commit is not None else None
    return shown


def find_release(project: Project, tag: str) -> Release:
    rows = Release.objects.select_related("project", "author")
    found = rows.filter(project=project, tag=tag.replace("\0", "")).first()
    if found is None:
        raise Http404("Release")
    return found


class ReleaseFilter(Schema):
    order_by: Literal["released_at", "created_at"] = "released_at"
    sort: Literal["asc", "desc"] = "desc"
    updated_before: datetime | None = None
    updated_after: datetime | None = None
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/releases")
def list_releases(
    request: HttpRequest, response: HttpResponse, project_id: str, asked: Query[ReleaseFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_RELEASE)
    rows = Release.objects.select_related("project", "author").filter(project=project)
    if asked.updated_before is not None:
        rows = rows.filter(updated_at__lt=_aware(asked.updated_before))
    if asked.updated_after is not None:
        rows = rows.filter(updated_at__gt=_aware(asked.updated_after))
    sign = "-" if asked.sort == "desc" else ""
    rows = rows.order_by(f"{sign}{asked.order_by}", f"{sign}id")
    with_code = access.may(reader(request), project, Ability.READ_CODE)
    return [
        release_json(row, with_code=with_code)
        for row in page_of(request, rows, response, asked.page, asked.per_page)
    ]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class NewLink(Schema):
    """`filepath` is the older name of `direct_asset_path`."""

    name: Text
    url: Annotated[str, Field(max_length=URL_LIMIT)]
    direct_asset_path: Text = ""
    filepath: Text = ""
    link_type: Literal["other", "runbook", "image", "package"] = "other"

    def asked(self) -> Link:
        return Link(self.name, self.url, self.direct_asset_path or self.filepath, self.link_type)


class Assets(Schema):
    links: Annotated[list[NewLink], Field(max_length=LINKS_LIMIT)] = Field(default_factory=list)


Milestones = Annotated[list[Text], Field(max_length=MILESTONES_LIMIT)] | str | None


class ChangedRelease(Schema):
    name: Text | None = None
    description: Description | None = None
    released_at: datetime | None = None
    milestones: Milestones = None


class NewRelease(ChangedRelease):
    tag_name: Annotated[str, Field(min_length=1, max_length=255)]
    tag_message: Annotated[str, Field(max_length=10_000)] | None = None
    ref: Text | None = None
    assets: Assets | None = None


def _no_milestones(given: Milestones) -> None:
    """There are none here. Raises HttpError 400, with what GitLab says of one that it does not know."""
    titles = given.split(",") if isinstance(given, str) else given or []
    if wanted := [title for title in titles if title]:
        raise HttpError(400, f"Milestone(s) not found: {', '.join(wanted)}")


def refused(error: releases.RefusedRelease) -> HttpError:
    return HttpError(error.status, error.words)


@router.post("/projects/{project_id}/releases", response={201: dict[str, Any]})
def new_release(request: HttpRequest, project_id: str, body: NewRelease) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, Ability.CREATE_RELEASE)
    _no_milestones(body.milestones)
    wanted = releases.NewRelease(
        tag=body.tag_name.replace("\0", ""),
        name=body.name or "",
        description=body.description or "",
        ref=(body.ref or "").replace("\0", ""),
        tag_message=(body.tag_message or "").replace("\0", ""),
        released_at=_aware(body.released_at) if body.released_at is not None else None,
        links=tuple(link.asked() for link in body.assets.links) if body.assets is not None else (),
    )
    try:
        made = releases.create(project, me(request), wanted)
    except releases.RefusedRelease as error:
        raise refused(error) from error
    return 201, release_json(made, with_code=True)


@router.get("/projects/{project_id}/releases/permalink/latest")
def latest_release(request: HttpRequest, project_id: str) -> HttpResponse:
    """Leads to the release itself."""
    return _to_latest(request, project_id, "")


@router.get("/projects/{project_id}/releases/permalink/latest/{path:rest}")
def latest_release_and_more(request: HttpRequest, project_id: str, rest: str) -> HttpResponse:
    """Leads to whatever else there is of it: `downloads/...`, `assets/links`."""
    return _to_latest(request, project_id, f"/{quote(rest)}")


def _to_latest(request: HttpRequest, project_id: str, rest: str) -> HttpResponse:
    found = releases.latest(find_project(request, project_id, Ability.READ_CODE))
    if found is None:
        raise Http404("Release")
    kept = request.GET.copy()
    kept.pop("order_by", None)
    query = f"?{kept.urlencode()}" if kept else ""
    return redirect(f"{address_of(found)}{rest}{query}")


def redirect(address: str) -> HttpResponse:
    return HttpResponse(b"{}", status=302, content_type="application/json", headers={"Location": address})


@router.get("/projects/{project_id}/releases/{path:tag_name}/downloads/{path:file_path}")
def download_asset(request: HttpRequest, project_id: str, tag_name: str, file_path: str) -> HttpResponse:
    """Leads to where the asset lies."""
    release = find_release(find_project(request, project_id, Ability.READ_CODE), tag_name)
    link = release.links.filter(filepath=f"/{file_path}".replace("\0", "")).first()
    if link is None:
        raise Http404("Asset")
    return redirect(link.url)


# Paths that end in a tag's name stand behind all others: see release_links.py and api.py.
by_tag = Router(auth=AnybodyReads())


@by_tag.get("/projects/{project_id}/releases/{path:tag_name}")
def get_release(request: HttpRequest, project_id: str, tag_name: str) -> dict[str, Any]:
    release = find_release(find_project(request, project_id, Ability.READ_CODE), tag_name)
    return release_json(release, with_code=True)


@by_tag.put("/projects/{project_id}/releases/{path:tag_name}")
def change_release(
    request: HttpRequest, project_id: str, tag_name: str, body: ChangedRelease
) -> dict[str, Any]:
    release = find_release(find_project(request, project_id, Ability.CREATE_RELEASE), tag_name)
    _no_milestones(body.milestones)
    given = body.dict(exclude={"milestones"}, exclude_none=True)
    if "released_at" in given:
        given["released_at"] = _aware(given["released_at"])
    try:
        return release_json(releases.change(release, me(request), **given), with_code=True)
    except releases.RefusedRelease as error:
        raise refused(error) from error


@by_tag.delete("/projects/{project_id}/releases/{path:tag_name}")
def delete_release(request: HttpRequest, project_id: str, tag_name: str) -> dict[str, Any]:
    """The tag stays."""
    release = find_release(find_project(request, project_id, Ability.CREATE_RELEASE), tag_name)
    shown = release_json(release, with_code=True)
    try:
        releases.delete(release, me(request))
    except releases.RefusedRelease as error:
        raise refused(error) from error
    return shown
