"""Merge requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, merge_requests, merging, protections
from shipline.coordinator.access import Ability
from shipline.coordinator.facts import is_draft, merge_request_facts
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.lookup import allow, find_project, me, page_of, reader
from shipline.coordinator.http.rest.pipelines import created_json, pipeline_json
from shipline.coordinator.models import MergeRequest
from shipline.coordinator.permissions import NotAllowed, check_may_run
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())
Branch = Annotated[str, Field(min_length=1, max_length=255)]
Title = Annotated[str, Field(min_length=1, max_length=255)]
Description = Annotated[str, Field(max_length=1_000_000)]


def merge_request_json(row: MergeRequest) -> dict[str, Any]:
    project = row.project
    base = services().config.coordinator.external_url
    last = row.pipelines.select_related("project", "user").exclude(source="parent_pipeline").order_by("-pk")
    head = last.first()
    facts = merge_request_facts(row, row.sha)
    return {
        "id": row.pk,
        "iid": row.iid,
        "project_id": project.pk,
        "source_project_id": project.pk,
        "target_project_id": project.pk,
        "title": row.title,
        "description": row.description,
        "state": row.state,
        "draft": is_draft(row.title),
        "source_branch": row.source_branch,
        "target_branch": row.target_branch,
        "sha": row.sha,
        "diff_refs": {
            "base_sha": facts.diff_base_sha,
            "start_sha": facts.target_sha,
            "head_sha": row.sha,
        },
        "merge_commit_sha": row.merge_commit_sha or None,
        "author": _user(row.author),
        "merged_by": _user(row.merged_by),
        "merge_user": _user(row.merged_by),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "merged_at": row.merged_at,
        "closed_at": row.closed_at,
        "references": {"short": f"!{row.iid}", "full": f"{project.path_with_namespace}!{row.iid}"},
        "head_pipeline": pipeline_json(head) if head is not None else None,
        "web_url": f"{base}/{project.path_with_namespace}/-/merge_requests/{row.iid}",
    }


def _user(user: Any) -> dict[str, Any] | None:
    return {"id": user.pk, "username": user.username, "name": user.first_name} if user is not None else None


class MergeRequestFilter(Schema):
    """Clients send `iids` as `iids[]`."""

    state: Literal["opened", "closed", "locked", "merged", "all"] = "all"
    source_branch: str = ""
    target_branch: str = ""
    iids: list[int] = Field(default_factory=list, alias="iids[]")
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/merge_requests")
def list_merge_requests(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[MergeRequestFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_CODE)
    rows = MergeRequest.objects.select_related("project", "author", "merged_by").filter(project=project)
    if filters.state != "all":
        rows = rows.filter(state=filters.state)
    for name in ("source_branch", "target_branch"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    if filters.iids:
        rows = rows.filter(iid__in=filters.iids)
    found = page_of(request, rows.order_by("-pk"), response, filters.page, filters.per_page)
    return [_shown(request, row) for row in found]


def _shown(request: HttpRequest, row: MergeRequest) -> dict[str, Any]:
    """With its pipeline for those who may see pipelines."""
    shown = merge_request_json(row)
    if not access.may(reader(request), row.project, Ability.READ_PIPELINE):
        shown["head_pipeline"] = None
    return shown


class NewMergeRequest(Schema):
    source_branch: Branch
    target_branch: Branch
    title: Title
    description: Description = ""


@router.post("/projects/{project_id}/merge_requests", response={201: dict[str, Any]})
def new_merge_request(
    request: HttpRequest, project_id: str, body: NewMergeRequest
) -> tuple[int, dict[str, Any]]:
    """With a pipeline for it, if the configuration has one."""
    project = find_project(request, project_id, access.PUSH)
    try:
        row = merge_requests.open_merge_request(
            project,
            me(request),
            body.source_branch,
            body.target_branch,
            title=body.title,
            description=body.description,
        )
    except merge_requests.MergeRequestExists as error:
        raise HttpError(409, str(error)) from error
    except merge_requests.InvalidMergeRequest as error:
        raise HttpError(400, str(error)) from error
    if protections.may_run_on(me(request), project, body.source_branch, "branch"):
        merge_requests.run_pipeline(row, me(request))
    return 201, merge_request_json(row)


def _find(
    request: HttpRequest, project_id: str, iid: int, level: int | Ability = Ability.READ_CODE
) -> MergeRequest:
    project = find_project(request, project_id, level)
    rows = MergeRequest.objects.select_related("project", "author", "merged_by")
    row = rows.filter(project=project, iid=iid).first()
    if row is None:
        raise Http404("Merge Request")
    return row


@router.get("/projects/{project_id}/merge_requests/{iid}")
def get_merge_request(request: HttpRequest, project_id: str, iid: int) -> dict[str, Any]:
    return _shown(request, _find(request, project_id, iid))


class ChangedMergeRequest(Schema):
    """`state_event` is close or reopen."""

    title: Title | None = None
    description: Description | None = None
    target_branch: Branch | None = None
    state_event: Annotated[str, Field(pattern="^(close|reopen)$")] | None = None


@router.put("/projects/{project_id}/merge_requests/{iid}")
def change_merge_request(
    request: HttpRequest, project_id: str, iid: int, body: ChangedMergeRequest
) -> dict[str, Any]:
    row = _find(request, project_id, iid, access.PUSH)
    for name, value in body.dict(exclude_none=True, exclude={"state_event"}).items():
        setattr(row, name, value)
    repositories = services().repositories
    if repositories.resolve(row.project_id, f"refs/heads/{row.target_branch}") is None:
        raise HttpError(400, f'The target branch "{row.target_branch}" does not exist')
    if body.state_event == "close" and row.state == "opened":
        row.state, row.closed_at = "closed", timezone.now()
    elif body.state_event == "reopen" and row.state == "closed":
        row.state, row.closed_at = "opened", None
    row.save()
    return merge_request_json(row)


class Merge(Schema):
    sha: Annotated[str, Field(max_length=64)] = ""
    merge_commit_message: Description = ""


@router.put("/projects/{project_id}/merge_requests/{iid}/merge")
def merge(request: HttpRequest, project_id: str, iid: int, body: Merge | None = None) -> dict[str, Any]:
    row = _find(request, project_id, iid)
    given = body or Merge()
    try:
        merging.merge(row, me(request), sha=given.sha, message=given.merge_commit_message)
    except Refusal as error:
        raise HttpError(error.status, error.message) from error
    return merge_request_json(_find(request, project_id, iid))


@router.get("/projects/{project_id}/merge_requests/{iid}/pipelines")
def list_pipelines(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    iid: int,
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    found = _find(request, project_id, iid)
    allow(request, found.project, Ability.READ_PIPELINE)
    rows = found.pipelines.select_related("project", "user")
    rows = rows.exclude(source="parent_pipeline").order_by("-pk")
    return [pipeline_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.post("/projects/{project_id}/merge_requests/{iid}/pipelines", response={201: dict[str, Any]})
def new_pipeline(request: HttpRequest, project_id: str, iid: int) -> tuple[int, dict[str, Any]]:
    row = _find(request, project_id, iid, access.PUSH)
    try:
        check_may_run(me(request), row.project, "branch", row.source_branch)
    except NotAllowed as error:
        raise HttpError(403, str(error)) from error
    return 201, created_json(merge_requests.run_pipeline(row, me(request)))
