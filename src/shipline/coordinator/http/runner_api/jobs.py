"""Asking for jobs, and saying how they are."""

from __future__ import annotations

import asyncio

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from shipline.coordinator import job_updates, queue, runners, tokens
from shipline.coordinator.handed import Handed
from shipline.coordinator.http.runner_api.calls import (
    answers,
    job_token,
    json_body,
    known,
    message,
    only,
    with_status,
)
from shipline.coordinator.http.throttling import address_of, limit_token
from shipline.coordinator.models import Job
from shipline.coordinator.refusal import NotKnown, Refusal
from shipline.coordinator.services import in_database, services
from shipline.protocols import runner_api as api

LONG_POLL_SECONDS = 50.0


@answers
async def request_job(request: HttpRequest) -> HttpResponseBase:
    """Answers a job (201) as soon as there is one, or 204: at once when the runner has not seen the queue as
    it is, else after the long poll."""
    only(request, "POST")
    asked = api.JobRequest.model_validate_json(json_body(request, api.REQUEST_LIMIT))
    limit_token("job_requests", asked.token)
    caller, version, handed = await in_database(_look, asked, address_of(request))
    if handed is not None:
        return _answer(handed, version)
    events, line = services().events, services().line
    loop = asyncio.get_running_loop()
    end = loop.time() + LONG_POLL_SECONDS
    with line.place(version) as place:
        # What others were quicker with is no news: it waits on.
        while await line.turn(place, max(0.0, end - loop.time())) and not events.stopping.is_set():
            handed = await line.look(place, lambda: in_database(queue.take_job_after_waiting, caller))
            if handed.payload is not None or handed.conflict:
                return _answer(handed, place.seen)
        return _nothing(line.version_for(place))


def _look(asked: api.JobRequest, address: str) -> tuple[runners.Caller, str, Handed | None]:
    """Who asks, the queue's version, and what they get; None when nothing has happened since they asked last."""
    caller = runners.contact(asked.token, asked.system_id, asked.info, address)
    # Before the look at the queue: what comes during it is news the next time.
    version = services().events.queue_version
    return caller, version, queue.take_job(caller) if asked.last_update != version else None


def _answer(handed: Handed, version: str) -> HttpResponseBase:
    if handed.payload is not None:
        # Without X-GitLab-Last-Update: more jobs may be pending, and the runner must not wait for the next
        # change.
        content = handed.payload.as_json()
        return HttpResponse(content, status=201, content_type="application/json")
    if handed.conflict:
        return message(409, "409 Conflict - other runners were quicker: ask again")
    return _nothing(version)


def _nothing(version: str) -> HttpResponse:
    response = HttpResponse(status=204)
    response["X-GitLab-Last-Update"] = version
    response["Gitlab-Ci-Builds-Polling"] = "yes"
    return response


@answers
async def update(request: HttpRequest, job_id: int) -> HttpResponseBase:
    only(request, "PUT")
    asked = api.JobUpdate.model_validate_json(json_body(request))
    token = asked.token or job_token(request)
    limit_token("job_calls", token)
    try:
        job = await in_database(job_updates.update_job, job_id, token, asked)
    except Refusal as refusal:
        found = await in_database(known, job_id, token)
        if found is None:
            raise
        return with_status(message(refusal.status, refusal.message), found)
    return with_status(JsonResponse(200, safe=False), job)


@answers
async def current_job(request: HttpRequest) -> HttpResponseBase:
    """GET /job: the job that asks, by its token."""
    only(request, "GET")
    limit_token("job_calls", job_token(request))
    document = await in_database(_current, job_token(request))
    if document is None:
        raise NotKnown(401, "401 Unauthorized")
    return JsonResponse(document)


def _current(token: str) -> dict[str, object] | None:
    # REST is loaded a moment after the start: see http/rest/urls.py.
    from shipline.coordinator.http.rest.jobs import job_json

    found = tokens.job_of(token)
    if found is None:
        return None
    related = Job.objects.select_related("pipeline", "project", "runner").prefetch_related("artifacts")
    return job_json(related.get(pk=found.pk))
