"""Server-sent events: a job's log as it grows, and the parts of a page that change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string

from shipline.coordinator import access, traces
from shipline.coordinator.access import Ability
from shipline.coordinator.events import Watch
from shipline.coordinator.models import Job, Pipeline, Project
from shipline.coordinator.services import in_database, services
from shipline.coordinator.web import facts, views
from shipline.coordinator.web.ansi import Renderer
from shipline.model.status import FINISHED, PIPELINE_FINISHED

KEEP_ALIVE_SECONDS = 15.0
RECONNECT_MILLISECONDS = 1000
PIECE = 256 * 1024
Document = dict[str, Any]


def _event(name: str, document: Document) -> bytes:
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()


def _stream(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    async def stream() -> AsyncIterator[bytes]:
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        async for event in events:
            yield event

    response = StreamingHttpResponse(stream(), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


async def _until_changed(watch: Watch) -> AsyncIterator[bytes]:
    """Comments that keep the connection, until there is something to look at."""
    while not await watch.changed(KEEP_ALIVE_SECONDS):
        yield b": still here\n\n"


async def job(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    """The whole log as HTML, then what comes. A client that reconnects gets it from the beginning, told by
    `reset`, because colours and sections have a state."""
    found = await in_database(views.find_job, request, project, job_id)
    if found is None:
        return HttpResponse(status=404)
    return _stream(_log(request, found))


async def _log(request: HttpRequest, job: Job) -> AsyncIterator[bytes]:
    events = services().events
    renderer, offset, seen = Renderer(), 0, list[tuple[Any, ...]]()
    with events.watch(f"job:{job.pk}", f"pipeline:{job.pipeline_id}") as watch:
        yield _event("reset", {"html": ""})
        notices = ""
        while True:
            # First the state, then what is shown: that is at least as new, and whole when the job is over.
            state = await in_database(_state, job.pipeline_id)
            over = any(row[0] == job.pk and row[1] in FINISHED for row in state)
            job = await in_database(_fresh_job, job.pk)
            if not await in_database(_still_sees, request, job.project):
                return
            # The notices are there as soon as a runner has the job.
            if not notices and (notices := renderer.feed(traces.notice_lines(job))):
                yield _event("log", {"html": notices})
            # A log with secrets in it (debug_trace) is for developers: others see that the job runs.
            readable = await in_database(traces.may_read, request.user, job)
            while readable and (piece := await in_database(traces.read_trace, job, offset, PIECE)):
                offset += len(piece)
                yield _event("log", {"html": renderer.feed(piece)})
            if over:
                yield _event("log", {"html": renderer.end()})
            if state != seen:
                seen = state
                yield _event("page", await in_database(_job_parts, request, job))
            if over:
                yield _event("done", {})
            if over or events.stopping.is_set():
                return
            async for comment in _until_changed(watch):
                yield comment


def _still_sees(request: HttpRequest, project: Project) -> bool:
    """A role may end while somebody looks. The next look at the page tells them."""
    user = User.objects.filter(username=request.user.get_username()).first()
    now = Project.objects.filter(pk=project.pk).first()
    return now is not None and access.may_read(user, now) and access.may(user, now, Ability.READ_PIPELINE)


def _fresh_job(job_id: int) -> Job:
    related = Job.objects.select_related("project", "pipeline", "pipeline__user", "runner")
    return related.get(pk=job_id)


def _job_parts(request: HttpRequest, job: Job) -> Document:
    context = facts.job_facts(job, request.user)
    return _parts(request, context, head="job_head.html", facts="job_facts.html")


async def pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = await in_database(views.find_pipeline, request, project, pipeline_id)
    if found is None:
        return HttpResponse(status=404)
    return _stream(_changes(request, found.project, found.pk))


async def _changes(request: HttpRequest, project: Project, pipeline_id: int) -> AsyncIterator[bytes]:
    events, seen = services().events, list[tuple[Any, ...]]()
    with events.watch(f"pipeline:{pipeline_id}") as watch:
        while True:
            # The first look is told too: something may have changed since the page was drawn.
            state = await in_database(_state, pipeline_id)
            if state != seen:
                if not await in_database(_still_sees, request, project):
                    return
                seen = state
                yield _event("page", await in_database(_pipeline_parts, request, pipeline_id))
            over = state[0][0] in PIPELINE_FINISHED
            if over:
                yield _event("done", {})
            if over or events.stopping.is_set():
                return
            async for comment in _until_changed(watch):
                yield comment


def _state(pipeline_id: int) -> list[tuple[Any, ...]]:
    """What makes a page look different: first the pipeline, then its jobs."""
    found = Job.objects.filter(pipeline=pipeline_id).order_by("id")
    rows = found.values_list("id", "status", "reason", "retried", "runner", "started_at", "finished_at")
    started = Pipeline.objects.filter(upstream_job__pipeline=pipeline_id).order_by("id")
    return [(Pipeline.objects.get(pk=pipeline_id).status,), *rows, *started.values_list("id", "status")]


def _pipeline_parts(request: HttpRequest, pipeline_id: int) -> Document:
    found = Pipeline.objects.select_related("project", "user").get(pk=pipeline_id)
    context = facts.pipeline_facts(found, request.user)
    return _parts(request, context, body="pipeline_body.html")


def _parts(request: HttpRequest, context: Document, **templates: str) -> Document:
    """The title, and the named parts of the page as HTML."""
    parts = {name: render_to_string(path, context, request) for name, path in templates.items()}
    return {"title": context["title"], "parts": parts}
