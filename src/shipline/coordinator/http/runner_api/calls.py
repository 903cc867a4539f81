"""What every call of the Runner API needs: its body within bounds, its token, GitLab's refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError

from shipline.coordinator.events import Events
from shipline.coordinator.http.text import has_nul
from shipline.coordinator.http.throttling import TooMany, count_refused
from shipline.coordinator.jobs import job_for_runner
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.refusal import NotKnown, Refusal
from shipline.coordinator.services import services
from shipline.coordinator.traces import UNWATCHED_INTERVAL, WATCHED_INTERVAL

BODY_LIMIT = 1024 * 1024
View = Callable[..., Awaitable[HttpResponseBase]]


def answers(view: View) -> Any:
    """Refusals and wrong bodies as GitLab answers them; no CSRF, the token is in the call."""

    @csrf_exempt
    @wraps(view)
    async def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return await _counted(view, request, *args, **kwargs)
        except Refusal as refusal:
            return message(refusal.status, refusal.message)
        except (Job.DoesNotExist, Pipeline.DoesNotExist):
            # It was deleted while this call was under way; its token opens nothing from now on.
            return message(403, "403 Forbidden")
        except TooMany as refused:
            return refused.response()
        except ValidationError as error:
            return message(400, f"400 Bad request - {_places(error)}")
        except (json.JSONDecodeError, UnicodeDecodeError, UnreadablePostError, RawPostDataException):
            return message(400, "400 Bad request - the body is not what this call takes")

    return wrapped


async def _counted(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Who calls with tokens that are nobody's is let through only so often."""
    try:
        return await view(request, *args, **kwargs)
    except NotKnown:
        count_refused(request)
        raise


def _places(error: ValidationError) -> str:
    """Which members are wrong, and nothing of what they held."""
    found = [(".".join(str(part) for part in one["loc"]) or "the body", one["msg"]) for one in error.errors()]
    return "; ".join(f"{place}: {words}" for place, words in found[:5])[:1000]


def message(status: int, text: str) -> JsonResponse:
    return JsonResponse({"message": text}, status=status)


def only(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        raise Refusal(405, "405 Method Not Allowed")


def body(request: HttpRequest, limit: int = BODY_LIMIT) -> bytes:
    content = request.read(limit + 1)
    if len(content) > limit:
        raise Refusal(413, "413 Request Entity Too Large")
    return bytes(content)


def json_body(request: HttpRequest, limit: int = BODY_LIMIT) -> bytes:
    """A body that is to be read as JSON. Raises Refusal for one with a NUL in a text."""
    content = body(request, limit)
    if has_nul(content):
        raise Refusal(400, "400 Bad request - the body holds a NUL character, which cannot be stored")
    return content


def job_token(request: HttpRequest) -> str:
    return request.headers.get("JOB-TOKEN", "") or request.GET.get("token", "")


def with_status(response: HttpResponse, job: Job) -> HttpResponse:
    """Every answer about a job tells its status: that is how a runner hears of a cancelled one."""
    response["Job-Status"] = job.status
    response["X-GitLab-Trace-Update-Interval"] = str(_update_interval(services().events, job))
    return response


def _update_interval(events: Events, job: Job) -> int:
    """Seconds. Who looks at the pipeline may cancel it, and the job hears of that when it tells something."""
    watched = events.is_watched(f"job:{job.pk}") or events.is_watched(f"pipeline:{job.pipeline_id}")
    return WATCHED_INTERVAL if watched else UNWATCHED_INTERVAL


def known(job_id: int, token: str) -> Job | None:
    """The job whose token this is, as it is now."""
    try:
        return job_for_runner(job_id, token)
    except Refusal:
        return None
