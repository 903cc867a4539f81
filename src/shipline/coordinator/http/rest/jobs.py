"""Jobs, their logs and artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, actions, artifacts, erasing, traces
from shipline.coordinator.http.files import send_file
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.http.rest.pipelines import find_pipeline
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.progress import RefusedChange
from shipline.coordinator.services import services

router = Router()


def job_json(job: Job) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    duration = (
        (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    )
    queued = (job.started_at - job.queued_at).total_seconds() if job.started_at and job.queued_at else None
    pipeline = job.pipeline
    return {
        "id": job.pk,
        "name": job.name,
        "stage": job.stage,
        "status": job.status,
        "ref": pipeline.ref,
        "tag": pipeline.ref_type == "tag",
        "allow_failure": job.allow_failure,
        "created_at": job.created_at,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "duration": duration,
        "queued_duration": queued,
        "failure_reason": job.failure_reason or None,
        "exit_code": job.exit_code,
        "status_reason": job.reason,
        "coverage": job.coverage,
        "erased_at": job.erased_at,
        "artifacts_expire_at": next(
            (one.expire_at for one in job.artifacts.all() if one.file_type == "archive"), None
        ),
        "pipeline": {
            "id": pipeline.pk,
            "project_id": job.project_id,
            "ref": pipeline.ref,
            "sha": pipeline.sha,
            "status": pipeline.status,
        },
        "runner": {"id": job.runner.pk, "description": job.runner.description} if job.runner else None,
        "artifacts": [
            {
                "file_type": one.file_type,
                "size": one.size,
                "filename": one.filename,
                "file_format": one.file_format,
            }
            for one in job.artifacts.all()
        ],
        "web_url": f"{base}/{job.project.path_with_namespace}/-/jobs/{job.pk}",
    }


def _jobs(**filters: Any) -> Any:
    related = Job.objects.select_related("pipeline", "project", "runner").prefetch_related("artifacts")
    return related.filter(**filters)


class JobFilter(Schema):
    """`scope` are statuses; clients send it as `scope[]`."""

    scope: list[str] = Field(default_factory=list, alias="scope[]")
    page: int = 1
    per_page: int = 20

    def page_of(self, request: HttpRequest, rows: Any, response: HttpResponse) -> Sequence[Job]:
        wanted = rows.filter(status__in=self.scope) if self.scope else rows
        return page_of(request, wanted, response, self.page, self.per_page)


@router.get("/projects/{project_id}/pipelines/{pipeline_id}/jobs")
def list_pipeline_jobs(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    pipeline_id: int,
    filters: Query[JobFilter],
    include_retried: bool = False,
) -> list[dict[str, Any]]:
    rows = _jobs(pipeline=find_pipeline(request, project_id, pipeline_id)).order_by("stage_index", "id")
    if not include_retried:
        rows = rows.filter(retried=False)
    return [job_json(job) for job in filters.page_of(request, rows, response)]


@router.get("/projects/{project_id}/jobs")
def list_jobs(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[JobFilter]
) -> list[dict[str, Any]]:
    rows = _jobs(project=find_project(request, project_id)).order_by("-id")
    return [job_json(job) for job in filters.page_of(request, rows, response)]


def find_job(request: HttpRequest, project_id: str, job_id: int, level: int = access.GUEST) -> Job:
    job: Job | None = _jobs(project=find_project(request, project_id, level), pk=job_id).first()
    if job is None:
        raise Http404("Job")
    return job


@router.get("/projects/{project_id}/jobs/{job_id}")
def get_job(request: HttpRequest, project_id: str, job_id: int) -> dict[str, Any]:
    return job_json(find_job(request, project_id, job_id))


@router.get("/projects/{project_id}/jobs/{job_id}/trace")
def get_trace(request: HttpRequest, project_id: str, job_id: int) -> HttpResponse:
    job = find_job(request, project_id, job_id)
    if not traces.may_read(me(request), job):
        raise HttpError(403, "403 Forbidden - the job ran with CI_DEBUG_TRACE: its log is for developers")
    return HttpResponse(
        traces.notice_lines(job) + traces.read_trace(job), content_type="text/plain; charset=utf-8"
    )


@router.get("/projects/{project_id}/jobs/{job_id}/artifacts")
def get_artifacts(request: HttpRequest, project_id: str, job_id: int) -> HttpResponseBase:
    job = find_job(request, project_id, job_id)
    artifact = JobArtifact.objects.filter(job=job, file_type="archive").first()
    if artifact is None:
        raise Http404("Artifacts")
    if not artifacts.may_download(me(request), artifact):
        raise HttpError(403, "403 Forbidden")
    answer = send_file(artifacts.stored_at(artifact), "application/zip", artifact.filename)
    if answer is None:
        raise Http404("Artifacts")
    return answer


def _act(request: HttpRequest, project_id: str, job_id: int, action: str) -> dict[str, Any]:
    job = find_job(request, project_id, job_id, access.PUSH)
    try:
        if action == "cancel":
            actions.cancel_job(job)
        elif action == "retry":
            job = actions.retry_job(job)
        else:
            actions.play_job(job)
    except RefusedChange as error:
        raise HttpError(403 if action == "retry" else 400, str(error)) from error
    return job_json(_jobs(pk=job.pk).get())


@router.post("/projects/{project_id}/jobs/{job_id}/cancel", response={201: dict[str, Any]})
def cancel_job(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, dict[str, Any]]:
    return 201, _act(request, project_id, job_id, "cancel")


@router.post("/projects/{project_id}/jobs/{job_id}/retry", response={201: dict[str, Any]})
def retry_job(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, dict[str, Any]]:
    return 201, _act(request, project_id, job_id, "retry")


@router.post("/projects/{project_id}/jobs/{job_id}/play")
def play_job(request: HttpRequest, project_id: str, job_id: int) -> dict[str, Any]:
    return _act(request, project_id, job_id, "play")


@router.post("/projects/{project_id}/jobs/{job_id}/erase", response={201: dict[str, Any]})
def erase_job(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, dict[str, Any]]:
    """Its log and artifacts; maintainers may, as with GitLab."""
    job = find_job(request, project_id, job_id, access.ADMINISTER)
    try:
        erasing.erase_job(job, me(request))
    except RefusedChange as error:
        raise HttpError(403, str(error)) from error
    return 201, job_json(_jobs(pk=job.pk).get())
