"""The coordinator's half of the Runner API v4 (`protocols/runner_api.py`)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError

from shipline.coordinator import artifacts as stored
from shipline.coordinator import jobs, queue, tokens, traces
from shipline.coordinator.dependencies import may_fetch
from shipline.coordinator.models import Job, JobArtifact, Runner
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import in_database, services
from shipline.protocols import runner_api as api

LONG_POLL_SECONDS = 50.0
TRACE_INTERVAL_SECONDS = 3
BODY_LIMIT = 1024 * 1024
CHUNK = 1 << 16
View = Callable[..., Awaitable[HttpResponseBase]]
_CONTENT_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})")
_TYPE = re.compile(r"[a-z_]{1,40}")
_FORMATS = ("zip", "gzip", "raw")


def answers(view: View) -> Any:
    """Refusals and wrong bodies as GitLab answers them; no CSRF, the token is in the call."""

    @csrf_exempt
    @wraps(view)
    async def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return await view(request, *args, **kwargs)
        except Refusal as refusal:
            return message(refusal.status, refusal.message)
        except (ValidationError, json.JSONDecodeError, UnicodeDecodeError):
            return message(400, "400 Bad request - the body is not what this call takes")

    return wrapped


def message(status: int, text: str) -> JsonResponse:
    return JsonResponse({"message": text}, status=status)


def _only(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        raise Refusal(405, "405 Method Not Allowed")


def _body(request: HttpRequest, limit: int = BODY_LIMIT) -> bytes:
    content = request.read(limit + 1)
    if len(content) > limit:
        raise Refusal(413, "413 Request Entity Too Large")
    return bytes(content)


@answers
async def register(request: HttpRequest) -> HttpResponseBase:
    """POST: registration tokens are gone (GitLab 16 and later say 410). DELETE: a runner takes its leave."""
    _only(request, "POST", "DELETE")
    if request.method == "POST":
        return message(410, "410 Gone - create a runner with POST /user/runners and use its glrt- token")
    asked = api.VerifyRequest.model_validate_json(_body(request))
    runner = await in_database(tokens.runner_of, asked.token)
    if runner is None:
        raise Refusal(403, "403 Forbidden")
    await in_database(runner.delete)
    return HttpResponse(status=204)


@answers
async def verify(request: HttpRequest) -> HttpResponseBase:
    _only(request, "POST")
    asked = api.VerifyRequest.model_validate_json(_body(request))
    runner = await in_database(_contact, asked.token, asked.system_id, asked.info)
    if runner is None:
        raise Refusal(403, "403 Forbidden")
    return JsonResponse({"id": runner.pk, "token": asked.token, "token_expires_at": None})


def _contact(token: str, system_id: str, info: api.RunnerVersionInfo) -> Runner | None:
    runner = tokens.runner_of(token)
    if runner is None:
        return None
    runner.contacted_at = timezone.now()
    runner.system_id = system_id[:64]
    runner.info = info.model_dump(mode="json")
    runner.save(update_fields=["contacted_at", "system_id", "info"])
    return runner


@answers
async def request_job(request: HttpRequest) -> HttpResponseBase:
    """Answers a job (201) as soon as there is one, or 204: at once when the runner has not seen the queue as
    it is, else after the long poll."""
    _only(request, "POST")
    asked = api.JobRequest.model_validate_json(_body(request, api.REQUEST_LIMIT))
    runner = await in_database(_contact, asked.token, asked.system_id, asked.info)
    if runner is None:
        raise Refusal(403, "403 Forbidden")
    events = services().events
    version = events.queue_version
    if asked.last_update != version:
        # Something happened since it asked last: look first, wait (with the new value) next time.
        return await _job_or_nothing(runner.pk, version)
    if await events.wait(("queue",), LONG_POLL_SECONDS) and not events.stopping.is_set():
        return await _job_or_nothing(runner.pk, events.queue_version)
    return _nothing(version)


async def _job_or_nothing(runner_id: int, version: str) -> HttpResponseBase:
    payload = await in_database(queue.take_job, runner_id)
    if payload is None:
        return _nothing(version)
    # Without X-GitLab-Last-Update: more jobs may be pending, and the runner must not wait for the next change.
    return HttpResponse(payload.model_dump_json(), status=201, content_type="application/json")


def _nothing(version: str) -> HttpResponse:
    response = HttpResponse(status=204)
    response["X-GitLab-Last-Update"] = version
    response["Gitlab-Ci-Builds-Polling"] = "yes"
    return response


def _job_token(request: HttpRequest) -> str:
    return request.headers.get("JOB-TOKEN", "") or request.GET.get("token", "")


def _with_status(response: HttpResponse, job: Job) -> HttpResponse:
    response["Job-Status"] = job.status
    response["X-GitLab-Trace-Update-Interval"] = str(TRACE_INTERVAL_SECONDS)
    return response


@answers
async def trace(request: HttpRequest, job_id: int) -> HttpResponseBase:
    _only(request, "PATCH")
    content = _body(request, api.TRACE_CHUNK_LIMIT * 4)
    job = await in_database(jobs.job_for_runner, job_id, _job_token(request))
    if not jobs.is_live(job):
        return _with_status(message(403, "403 Forbidden - Job is not running"), job)
    match = _CONTENT_RANGE.fullmatch(request.headers.get("Content-Range", ""))
    if match is None:
        raise Refusal(400, "400 Bad request - Missing header Content-Range")
    start, end = int(match[1]), int(match[2])
    if content and end - start + 1 != len(content):
        raise Refusal(400, "400 Bad request - Content-Range is not as long as the body")
    try:
        size = await in_database(traces.append_trace, job, start, content)
        response = HttpResponse("202", status=202, content_type="text/plain")
    except Refusal as refusal:
        if refusal.status != 416:
            known = await in_database(_known, job_id, _job_token(request))
            return _with_status(message(refusal.status, refusal.message), known or job)
        size = job.trace_size
        response = message(416, refusal.message)
    response["Range"] = f"0-{size}"
    return _with_status(response, job)


@answers
async def update(request: HttpRequest, job_id: int) -> HttpResponseBase:
    _only(request, "PUT")
    asked = api.JobUpdate.model_validate_json(_body(request))
    token = asked.token or _job_token(request)
    try:
        job = await in_database(jobs.update_job, job_id, token, asked)
    except Refusal as refusal:
        known = await in_database(_known, job_id, token)
        if known is None:
            raise
        return _with_status(message(refusal.status, refusal.message), known)
    return _with_status(JsonResponse(200, safe=False), job)


def _known(job_id: int, token: str) -> Job | None:
    return Job.objects.filter(pk=job_id, token_hash=tokens.digest(token)).first() if token else None


@answers
async def artifacts(request: HttpRequest, job_id: int) -> HttpResponseBase:
    _only(request, "GET", "POST")
    if request.method == "GET":
        return await _download(request, job_id)
    job = await in_database(jobs.job_for_runner, job_id, _job_token(request))
    if not jobs.is_live(job):
        return _with_status(message(403, "403 Forbidden - Job is not running"), job)
    if int(request.headers.get("Content-Length") or 0) > stored.ARTIFACT_LIMIT:
        raise Refusal(413, "413 Request Entity Too Large")
    file_type = request.GET.get("artifact_type") or "archive"
    file_format = request.GET.get("artifact_format") or "zip"
    # Reading the parts of a large body takes seconds: not on the loop, where everybody else waits.
    upload = await in_database(lambda: request.FILES.get("file"))
    if (
        not isinstance(upload, TemporaryUploadedFile)
        or not _TYPE.fullmatch(file_type)
        or file_format not in _FORMATS
    ):
        raise Refusal(400, "400 Bad request - file, artifact_type or artifact_format is missing or unknown")
    await in_database(_store, job, upload, file_type, file_format, request.GET.get("expire_in", ""))
    return _with_status(JsonResponse(201, safe=False, status=201), job)


def _store(job: Job, upload: TemporaryUploadedFile, file_type: str, file_format: str, expire_in: str) -> None:
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
            stored.store_artifact(
                job,
                Path(kept.name),
                file_type=file_type,
                file_format=file_format,
                filename=Path(upload.name or "artifacts.zip").name[:255],
                size=size,
                sha256=digest.hexdigest(),
                expire_in=expire_in,
            )
        finally:
            Path(kept.name).unlink(missing_ok=True)


async def _download(request: HttpRequest, job_id: int) -> HttpResponseBase:
    path = await in_database(_archive, job_id, _job_token(request))
    answer = await in_database(send_file, path, "application/zip", "artifacts.zip")
    if answer is None:
        raise Refusal(404, "404 Not Found")
    return answer


def _archive(job_id: int, token: str) -> Path:
    asking = tokens.job_of(token)
    artifact = (
        JobArtifact.objects.select_related("job__project").filter(job=job_id, file_type="archive").first()
    )
    # "Not there" and "not yours" look the same.
    if asking is None:
        raise Refusal(401, "401 Unauthorized")
    if artifact is None or not may_fetch(asking, artifact.job):
        raise Refusal(404, "404 Not Found")
    return services().data.coordinator / "artifacts" / artifact.file


def send_file(path: Path, content_type: str, name: str) -> StreamingHttpResponse | None:
    """A file in pieces, however large it is; None when it is not there (any more)."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await in_database(file.read, CHUNK):
            yield piece

    # The response closes what it has taken over, also when nobody reads it to its end.
    response = StreamingHttpResponse(pieces(), content_type=content_type)
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    response["Content-Length"] = str(os.fstat(file.fileno()).st_size)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    return response


@answers
async def current_job(request: HttpRequest) -> HttpResponseBase:
    """GET /job: the job that asks, by its token."""
    _only(request, "GET")
    job = await in_database(tokens.job_of, _job_token(request))
    if job is None:
        raise Refusal(401, "401 Unauthorized")
    return JsonResponse(
        {"id": job.pk, "name": job.name, "stage": job.stage, "status": job.status, "ref": job.pipeline.ref}
    )


@answers
async def router_discovery(request: HttpRequest) -> HttpResponseBase:
    """There is no job router; runners then poll."""
    return message(501, "501 Not Implemented")
