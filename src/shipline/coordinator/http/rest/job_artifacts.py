"""Artifacts of jobs: the archive, one file of it, of a job or of the newest successful job of a ref."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from ninja import Router
from ninja.errors import HttpError

from shipline.coordinator.access import Ability
from shipline.coordinator.artifacts import delete_artifacts, may_download
from shipline.coordinator.http import streams
from shipline.coordinator.http.files import send_file
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.jobs import find_job, job_json
from shipline.coordinator.http.rest.lookup import find_project, reader
from shipline.coordinator.models import Job, JobArtifact, Project
from shipline.coordinator.stored import stored_at

router = Router(auth=AnybodyReads())


def _archive(request: HttpRequest, job: Job) -> JobArtifact:
    """As far as the caller may have it; a job may have what its user may."""
    found = JobArtifact.objects.select_related("job__project").filter(job=job, file_type="archive").first()
    if found is None:
        raise Http404("Artifacts")
    if not may_download(reader(request), found):
        raise HttpError(403, "403 Forbidden")
    return found


def _download(request: HttpRequest, job: Job) -> HttpResponseBase:
    artifact = _archive(request, job)
    answer = send_file(stored_at(artifact), "application/zip", artifact.filename)
    if answer is None:
        raise Http404("Artifacts")
    return answer


def _file(request: HttpRequest, job: Job, name: str) -> HttpResponseBase:
    answer = streams.archived_file(stored_at(_archive(request, job)), name)
    if answer is None:
        raise Http404("File")
    return answer


def _newest(project: Project, ref: str, name: str) -> Job:
    """The job of that name in the newest successful pipeline of a branch or tag."""
    rows = Job.objects.filter(
        project=project,
        name=name.replace("\0", ""),
        status="success",
        retried=False,
        pipeline__ref=ref.replace("\0", ""),
        pipeline__status="success",
        artifacts__file_type="archive",
    )
    found = rows.order_by("-pipeline", "-id").first()
    if found is None:
        raise Http404("Artifacts")
    return found


# These stand before the paths with a job's number: "artifacts" is none.
@router.get("/projects/{project_id}/jobs/artifacts/{path:ref}/download", openapi_extra=streams.FILE)
def download_of_ref(request: HttpRequest, project_id: str, ref: str, job: str) -> HttpResponseBase:
    return _download(request, _newest(find_project(request, project_id, Ability.READ_ARTIFACTS), ref, job))


@router.get("/projects/{project_id}/jobs/artifacts/{path:ref}/raw/{path:name}", openapi_extra=streams.FILE)
def file_of_ref(request: HttpRequest, project_id: str, ref: str, name: str, job: str) -> HttpResponseBase:
    return _file(request, _newest(find_project(request, project_id, Ability.READ_ARTIFACTS), ref, job), name)


@router.get("/projects/{project_id}/jobs/{job_id}/artifacts", openapi_extra=streams.FILE)
def get_artifacts(request: HttpRequest, project_id: str, job_id: int) -> HttpResponseBase:
    return _download(request, find_job(request, project_id, job_id, Ability.READ_ARTIFACTS))


@router.delete("/projects/{project_id}/jobs/{job_id}/artifacts", response={204: None})
def remove_artifacts(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, None]:
    """Of one job; reports stay."""
    job = find_job(request, project_id, job_id, Ability.DELETE_ARTIFACTS)
    delete_artifacts(JobArtifact.objects.filter(job=job, file_type="archive"))
    return 204, None


@router.post("/projects/{project_id}/jobs/{job_id}/artifacts/keep")
def keep_artifacts(request: HttpRequest, project_id: str, job_id: int) -> dict[str, Any]:
    """They do not expire any more."""
    job = find_job(request, project_id, job_id, Ability.KEEP_ARTIFACTS)
    if not JobArtifact.objects.filter(job=job).update(expire_at=None):
        raise Http404("Artifacts")
    return job_json(find_job(request, project_id, job_id))


@router.get("/projects/{project_id}/jobs/{job_id}/artifacts/{path:name}", openapi_extra=streams.FILE)
def get_artifact_file(request: HttpRequest, project_id: str, job_id: int, name: str) -> HttpResponseBase:
    return _file(request, find_job(request, project_id, job_id, Ability.READ_ARTIFACTS), name)


@router.delete("/projects/{project_id}/artifacts", response={202: dict[str, Any]})
def remove_all_artifacts(request: HttpRequest, project_id: str) -> tuple[int, dict[str, Any]]:
    """Of all jobs that are over."""
    project = find_project(request, project_id, Ability.DELETE_ARTIFACTS)
    over = JobArtifact.objects.filter(job__project=project, job__finished_at__isnull=False)
    delete_artifacts(over.filter(file_type="archive"))
    return 202, {"message": "202 Accepted"}
