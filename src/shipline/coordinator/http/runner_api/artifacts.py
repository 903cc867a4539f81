"""What a job leaves behind: taken from its runner, given to jobs behind it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from shipline.coordinator import artifacts as stored
from shipline.coordinator import jobs, tokens
from shipline.coordinator.cross_needs import may_fetch
from shipline.coordinator.http.files import send_file
from shipline.coordinator.http.runner_api.calls import answers, job_token, message, only, with_status
from shipline.coordinator.http.throttling import limit_token
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.refusal import NotKnown, Refusal
from shipline.coordinator.services import in_database, services
from shipline.coordinator.stored import stored_at


@answers
async def artifacts(request: HttpRequest, job_id: int) -> HttpResponseBase:
    only(request, "GET", "POST")
    limit_token("job_calls", job_token(request))
    if request.method == "GET":
        return await _download(request, job_id)
    job = await in_database(jobs.job_for_runner, job_id, job_token(request))
    if not jobs.is_live(job):
        return _over(job)
    _check_size(request.headers.get("Content-Length", ""))
    kind = request.GET.get("artifact_type") or "archive", request.GET.get("artifact_format") or "zip"
    stored.check_kind(*kind)
    # Reading the parts of a large body takes seconds: not on the loop, where everybody else waits.
    upload = await in_database(lambda: request.FILES.get("file"))
    if not isinstance(upload, TemporaryUploadedFile):
        raise Refusal(400, "400 Bad request - file is missing")
    try:
        await in_database(_store, job, upload, kind, request.GET.get("expire_in", ""))
    except Refusal as refusal:
        if refusal.status == 403:
            return _over(await in_database(jobs.job_for_runner, job_id, job_token(request)))
        raise
    return with_status(JsonResponse(201, safe=False, status=201), job)


@answers
async def authorize(request: HttpRequest, job_id: int) -> HttpResponseBase:
    """May the job upload, and so much (`filesize` in bytes)? Runners do not ask this; proxies do."""
    only(request, "POST")
    limit_token("job_calls", job_token(request))
    job = await in_database(jobs.job_for_runner, job_id, job_token(request))
    if not jobs.is_live(job):
        return _over(job)
    _check_size(request.GET.get("filesize", ""))
    return with_status(JsonResponse({"MaximumSize": stored.ARTIFACT_LIMIT}), job)


def _over(job: Job) -> HttpResponseBase:
    refused = jobs.over(job)
    return with_status(message(refused.status, refused.message), job)


def _check_size(said: str) -> None:
    if said.isascii() and said.isdigit() and (len(said) > 18 or int(said) > stored.ARTIFACT_LIMIT):
        raise Refusal(413, "413 Request Entity Too Large")


def _store(job: Job, upload: TemporaryUploadedFile, kind: tuple[str, str], expire_in: str) -> None:
    digest = hashlib.sha256()
    size = 0
    folder = services().data.coordinator / "uploads"
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as kept:
        try:
            for chunk in upload.chunks():
                size += len(chunk)
                if size > stored.ARTIFACT_LIMIT:
                    raise Refusal(413, "413 Request Entity Too Large")
                digest.update(chunk)
                kept.write(chunk)
            kept.flush()
            os.fsync(kept.fileno())
            file_type, file_format = kind
            received = stored.Upload(
                Path(kept.name),
                file_type,
                file_format,
                filename=Path(upload.name or "artifacts.zip").name[:255],
                size=size,
                sha256=digest.hexdigest(),
                expire_in=expire_in,
            )
            stored.store_artifact(job, received)
        finally:
            Path(kept.name).unlink(missing_ok=True)


async def _download(request: HttpRequest, job_id: int) -> HttpResponseBase:
    artifact = await in_database(_archive, job_id, job_token(request))
    path = stored_at(artifact)
    answer = await in_database(send_file, path, "application/zip", artifact.filename)
    if answer is None:
        raise Refusal(404, "404 Not Found")
    return answer


def _archive(job_id: int, token: str) -> JobArtifact:
    """For a job that runs, of the same project or with needs of another. Raises Refusal: 401 for what is no
    job's token, 403 for that of a job that is over, 404 for what is not there; what is not for it looks the
    same."""
    asking = tokens.job_of(token)
    if asking is None:
        over = 0 < len(token) <= tokens.LENGTH_LIMIT and Job.objects.filter(token_hash=tokens.digest(token))
        if over:
            raise Refusal(403, "403 Forbidden - Job is not running")
        raise NotKnown(401, "401 Unauthorized")
    archives = JobArtifact.objects.select_related("job__project").filter(file_type="archive")
    # By the job's own number: the database refuses to compare a reference with one that is too large for it.
    artifact = archives.filter(job__in=Job.objects.filter(pk=job_id)).first()
    if artifact is None or not may_fetch(asking, artifact.job):
        raise Refusal(404, "404 Not Found")
    return artifact
