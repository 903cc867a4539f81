"""What was said of a commit: by its jobs, and by other systems."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from shipline.coordinator import browsing
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.commits import resolve
from shipline.coordinator.http.rest.lookup import Invalid, find_project, me, page_of
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import CommitStatus, Job
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())
Text = Annotated[str, Field(max_length=255)]
STATES = Literal["pending", "running", "success", "failed", "canceled", "skipped"]


class StatusFilter(Schema):
    """`all` gives earlier attempts of jobs too."""

    ref: Text = ""
    stage: Text = ""
    name: Text = ""
    pipeline_id: int | None = None
    all: bool = False
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/repository/commits/{path:ref}/statuses")
def list_statuses(
    request: HttpRequest, response: HttpResponse, project_id: str, ref: str, asked: Query[StatusFilter]
) -> list[dict[str, Any]]:
    """The jobs of the commit, and what other systems said of it."""
    project = find_project(request, project_id, Ability.READ_PIPELINE)
    sha = resolve(project, ref)
    wanted: dict[str, Any] = {"name": asked.name.replace("\0", "")} if asked.name else {}
    jobs = Job.objects.select_related("pipeline", "pipeline__user", "project")
    jobs = jobs.filter(project=project, pipeline__sha=sha, **wanted)
    told = CommitStatus.objects.select_related("user").filter(project=project, sha=sha, **wanted)
    if asked.ref:
        jobs, told = jobs.filter(pipeline__ref=asked.ref.replace("\0", "")), told.filter(ref=asked.ref)
    if not asked.all:
        jobs = jobs.filter(retried=False)
    if asked.stage:
        jobs = jobs.filter(stage=asked.stage.replace("\0", ""))
        told = told if asked.stage == "external" else told.none()
    if asked.pipeline_id is not None:
        jobs = jobs.filter(pipeline=min(max(asked.pipeline_id, 0), 1 << 62))
    found: list[Any] = [*jobs.order_by("id"), *told.order_by("id")]
    page = page_of(request, found, response, asked.page, asked.per_page)
    return [_job_status_json(one) if isinstance(one, Job) else status_json(one) for one in page]


def status_json(row: CommitStatus) -> dict[str, Any]:
    return {
        "id": row.pk,
        "sha": row.sha,
        "ref": row.ref,
        "status": row.status,
        "name": row.name,
        "target_url": row.target_url or None,
        "description": row.description or None,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "allow_failure": False,
        "coverage": row.coverage,
        "author": user_json(row.user) if row.user is not None else None,
    }


def _job_status_json(job: Job) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    return {
        "id": job.pk,
        "sha": job.pipeline.sha,
        "ref": job.pipeline.ref,
        "status": job.status,
        "name": job.name,
        "target_url": f"{base}/{job.project.path_with_namespace}/-/jobs/{job.pk}",
        "description": None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "allow_failure": job.allow_failure,
        "coverage": None,
        "author": user_json(job.pipeline.user) if job.pipeline.user is not None else None,
    }


class NewStatus(Schema):
    """`context` is another word for `name`."""

    state: STATES
    ref: Text = ""
    name: Text = ""
    context: Text = ""
    target_url: Annotated[str, Field(max_length=255, pattern=r"^(https?://.*)?$")] | None = None
    description: Text | None = None
    coverage: float | None = None


@router.post("/projects/{project_id}/statuses/{sha}", response={201: dict[str, Any]})
def set_status(
    request: HttpRequest, project_id: str, sha: str, body: NewStatus
) -> tuple[int, dict[str, Any]]:
    """What another system says of a commit; it says one thing at a time."""
    project = find_project(request, project_id, Ability.SET_COMMIT_STATUS)
    found = resolve(project, sha)
    containing = {one.name for one in browsing.refs(project.pk, "heads", containing=found)}
    ref = body.ref or (project.default_branch if project.default_branch in containing else "")
    ref = ref or min(containing, default="")
    if not ref:
        raise Invalid("ref", "is missing: no branch holds the commit")
    now, over = timezone.now(), body.state not in ("pending", "running")
    row, _ = CommitStatus.objects.update_or_create(
        project=project,
        sha=found,
        ref=ref,
        name=body.name or body.context or "default",
        defaults={
            "status": body.state,
            "target_url": body.target_url or "",
            "description": body.description or "",
            "coverage": body.coverage,
            "user": me(request),
            "started_at": now if body.state == "running" else None,
            "finished_at": now if over else None,
        },
    )
    return 201, status_json(row)
