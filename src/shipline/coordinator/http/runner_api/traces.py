"""A job's log, piece by piece."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from shipline.coordinator import jobs, traces
from shipline.coordinator.http.runner_api.calls import (
    answers,
    body,
    job_token,
    known,
    message,
    only,
    with_status,
)
from shipline.coordinator.http.throttling import limit_token
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import in_database
from shipline.protocols import runner_api as api

_CONTENT_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)


@answers
async def trace(request: HttpRequest, job_id: int) -> HttpResponseBase:
    only(request, "PATCH")
    token = job_token(request)
    limit_token("job_traces", token)
    content = body(request, api.TRACE_CHUNK_LIMIT * 4)
    job = await in_database(jobs.job_for_runner, job_id, token)
    if not jobs.is_in_a_runner_s_hands(job):
        refused = jobs.over(job)
        return with_status(message(refused.status, refused.message), job)
    start = _start(request.headers.get("Content-Range", ""), len(content))
    debug = request.GET.get("debug_trace") == "true"
    try:
        size = await in_database(traces.append_trace, job, start, content, debug=debug)
        response = HttpResponse("202", status=202, content_type="text/plain")
    except Refusal as refusal:
        if refusal.status != 416:
            found = await in_database(known, job_id, token)
            return with_status(message(refusal.status, refusal.message), found or job)
        size = job.trace_size
        response = message(416, refusal.message)
    response["Range"] = f"0-{size}"
    return with_status(response, job)


def _start(content_range: str, length: int) -> int:
    """The first byte's place, of `0-1023`; both ends count, and there is no word before. Raises Refusal 400."""
    match = _CONTENT_RANGE.fullmatch(content_range)
    if match is None:
        raise Refusal(400, "400 Bad request - Missing header Content-Range")
    start, end = int(match[1]), int(match[2])
    if length and end - start + 1 != length:
        raise Refusal(400, "400 Bad request - Content-Range is not as long as the body")
    return start
