"""Server-sent events: a job's log as it grows, a pipeline as its jobs change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from shipline.coordinator import jobs
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.services import in_database, services
from shipline.coordinator.web import views
from shipline.coordinator.web.ansi import Renderer
from shipline.model.status import FINISHED, JobStatus

KEEP_ALIVE_SECONDS = 15.0
PIECE = 256 * 1024
_DONE = ("success", "failed", "canceled", "skipped")


def _event(name: str, document: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()


def _stream(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


async def job(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    """The whole log as HTML, then what comes. A client that reconnects gets it from the beginning, told by
    `reset`, because colours and sections have a state."""
    found = await in_database(views.find_job, request, project, job_id)
    if found is None:
        return HttpResponse(status=404)
    return _stream(_log(found))


async def _log(job: Job) -> AsyncIterator[bytes]:
    events, topic = services().events, f"job:{job.pk}"
    renderer, offset = Renderer(), 0
    yield _event("reset", {"html": renderer.feed(jobs.notice_lines(job))})
    while True:
        await in_database(job.refresh_from_db)
        while piece := await in_database(jobs.read_trace, job, offset, PIECE):
            offset += len(piece)
            yield _event("log", {"html": renderer.feed(piece)})
        over = JobStatus(job.status) in FINISHED
        yield _event("status", await in_database(views.job_facts, job))
        if over or events.stopping.is_set():
            if over:
                yield _event("done", {"html": renderer.end()})
            return
        while not await events.wait((topic,), KEEP_ALIVE_SECONDS):
            yield b": still here\n\n"


async def pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = await in_database(views.find_pipeline, request, project, pipeline_id)
    if found is None:
        return HttpResponse(status=404)
    return _stream(_changes(found))


async def _changes(pipeline: Pipeline) -> AsyncIterator[bytes]:
    events = services().events
    while True:
        ids = await in_database(_job_ids, pipeline.pk)
        topics = (f"pipeline:{pipeline.pk}", *(f"job:{number}" for number in ids))
        if not await events.wait(topics, KEEP_ALIVE_SECONDS):
            yield b": still here\n\n"
            continue
        if events.stopping.is_set():
            return
        await in_database(pipeline.refresh_from_db)
        yield _event("change", {"status": pipeline.status})
        if pipeline.status in _DONE:
            return


def _job_ids(pipeline_id: int) -> list[int]:
    return list(Job.objects.filter(pipeline=pipeline_id, retried=False).values_list("id", flat=True))
