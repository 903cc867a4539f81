"""Server-sent events: a job's log as it grows, and the parts of a page that change.

A stream ends with what it tells of, when we stop, when its reader may not look any more, and when they go away.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string

from shipline.coordinator import traces
from shipline.coordinator.events import Watch
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.services import in_database, services
from shipline.coordinator.web import facts, finding
from shipline.coordinator.web.ansi import Renderer
from shipline.coordinator.web.job_tests import pipeline_tests
from shipline.coordinator.web.live_state import Reader, State, state_of
from shipline.model.status import FINISHED

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


async def _until_changed(watch: Watch, reader: Reader) -> AsyncIterator[bytes]:
    """Comments that keep the connection, until there is something to look at."""
    while not await watch.changed(KEEP_ALIVE_SECONDS):
        yield b": still here\n\n"
        if not await reader.still_may():
            return


async def job(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    """The whole log as HTML, then what comes. A client that reconnects gets it from the beginning, told by
    `reset`, because colours and sections have a state."""
    found = await in_database(finding.find_job, request, project, job_id)
    if found is None:
        return HttpResponse(status=404)
    reader = Reader(request, lambda: finding.find_job(request, project, job_id))
    return _stream(_log(reader, found.pk, found.pipeline_id))


async def _log(reader: Reader, job_id: int, pipeline_id: int) -> AsyncIterator[bytes]:
    events, request = services().events, reader.request
    renderer, offset = Renderer(), 0
    seen: State | None = None
    with events.watch(f"job:{job_id}", f"pipeline:{pipeline_id}") as watch:
        yield _event("reset", {"html": ""})
        notices = ""
        # Who may not look any more asks again, and is told so.
        while await reader.still_may():
            # First the state, then what is shown: that is at least as new, and whole when the job is over.
            state = await in_database(state_of, pipeline_id)
            job = await in_database(_fresh_job, job_id)
            if state is None or job is None or job_id not in state.jobs:
                return
            over = state.jobs[job_id][0] in FINISHED
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
            async for comment in _until_changed(watch, reader):
                yield comment


def _fresh_job(job_id: int) -> Job | None:
    related = Job.objects.select_related("project", "pipeline", "pipeline__user", "runner")
    return related.filter(pk=job_id).first()


def _job_parts(request: HttpRequest, job: Job) -> Document:
    context = facts.job_facts(job, request.user)
    return _parts(request, context, head="job_head.html", facts="job_facts.html")


async def pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = await in_database(finding.find_pipeline, request, project, pipeline_id)
    if found is None:
        return HttpResponse(status=404)
    reader = Reader(request, lambda: finding.find_pipeline(request, project, pipeline_id))
    return _stream(_changes(reader, found.pk))


async def _changes(reader: Reader, pipeline_id: int) -> AsyncIterator[bytes]:
    events = services().events
    seen: State | None = None
    with events.watch(f"pipeline:{pipeline_id}") as watch:
        while await reader.still_may():
            # The first look is told too: something may have changed since the page was drawn.
            state = await in_database(state_of, pipeline_id)
            if state is None:
                return
            if state != seen:
                # Reports of tests are large, and somebody may be reading one: they are sent when one has come.
                with_tests = seen is None or state.tests != seen.tests
                seen = state
                parts = await in_database(_pipeline_parts, reader.request, pipeline_id, with_tests=with_tests)
                if parts is None:
                    return
                yield _event("page", parts)
            if state.is_over:
                yield _event("done", {})
            if state.is_over or events.stopping.is_set():
                return
            async for comment in _until_changed(watch, reader):
                yield comment


def _pipeline_parts(request: HttpRequest, pipeline_id: int, *, with_tests: bool) -> Document | None:
    found = Pipeline.objects.select_related("project", "user").filter(pk=pipeline_id).first()
    if found is None:
        return None
    context = facts.pipeline_facts(found, request.user)
    templates = {"body": "pipeline_body.html", "rest": "pipeline_rest.html"}
    if with_tests:
        context |= pipeline_tests(found, request.user)
        templates["tests"] = "pipeline_tests.html"
    return _parts(request, context, **templates)


def _parts(request: HttpRequest, context: Document, **templates: str) -> Document:
    """The title, and the named parts of the page as HTML."""
    parts = {name: render_to_string(path, context, request) for name, path in templates.items()}
    return {"title": context["title"], "parts": parts}
