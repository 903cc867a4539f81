"""Runners come, say that they are there, change their tokens and go."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from shipline.coordinator import runners
from shipline.coordinator.http.runner_api.calls import answers, json_body, message, only
from shipline.coordinator.http.throttling import address_of, limit_token
from shipline.coordinator.models import Runner
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import in_database
from shipline.protocols import runner_api as api
from shipline.protocols.runner_registration import RegisterRequest, RunnerCall

TAGS_LIMIT, TAG_LIMIT, TEXT_LIMIT = 50, 255, 1024
ACCESS_LEVELS = ("not_protected", "ref_protected")
# In seconds.
LEAST_TIMEOUT = 600
# What a runner tells of itself is kept.
MESSAGE_LIMIT = 2 * api.REQUEST_LIMIT


def collection(listing: Any) -> Any:
    """/runners: POST and DELETE are a runner's calls, the rest is REST's, which `listing` answers."""

    @answers
    async def view(request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST":
            return await _register(request)
        if request.method == "DELETE":
            return await _leave(request)
        answer: HttpResponseBase = await sync_to_async(listing, thread_sensitive=True)(request)
        return answer

    return view


async def _register(request: HttpRequest) -> HttpResponseBase:
    asked = RegisterRequest.model_validate_json(json_body(request, MESSAGE_LIMIT))
    runner, token = await in_database(_make, asked)
    return JsonResponse(_with_expiry(runner, {"id": runner.pk, "token": token}), status=201)


def _make(asked: RegisterRequest) -> tuple[Runner, str]:
    given = asked.tag_list or []
    listed = given if isinstance(given, list) else given.split(",")
    tags = list(dict.fromkeys(tag.strip() for tag in listed if tag.strip()))
    note = asked.maintenance_note or ""
    for name, wrong in (
        ("tag_list", len(tags) > TAGS_LIMIT or any(len(tag) > TAG_LIMIT for tag in tags)),
        ("description", len(asked.description) > TEXT_LIMIT),
        ("maintenance_note", len(note) > TEXT_LIMIT),
        ("access_level", asked.access_level not in (None, *ACCESS_LEVELS)),
        ("maximum_timeout", asked.maximum_timeout is not None and asked.maximum_timeout < LEAST_TIMEOUT),
    ):
        if wrong:
            raise Refusal(400, f"400 Bad request - {name} does not have a valid value")
    return runners.register(
        asked.token,
        description=asked.description,
        maintenance_note=note,
        tags=tags,
        run_untagged=asked.run_untagged is not False,
        locked=asked.locked is True,
        protected_only=asked.access_level == "ref_protected",
        maximum_timeout=asked.maximum_timeout,
        paused=asked.paused is True,
    )


def _with_expiry(runner: Runner, document: dict[str, Any]) -> dict[str, Any]:
    return document | {"token_expires_at": runner.token_expires_at}


async def _leave(request: HttpRequest) -> HttpResponseBase:
    asked = RunnerCall.model_validate_json(json_body(request, MESSAGE_LIMIT))
    runner = await in_database(runners.authenticate, asked.token)
    await in_database(runners.remove_runner, runner)
    return HttpResponse(status=204)


@answers
async def verify(request: HttpRequest) -> HttpResponseBase:
    only(request, "POST")
    asked = api.VerifyRequest.model_validate_json(json_body(request, MESSAGE_LIMIT))
    limit_token("job_requests", asked.token)
    caller = await in_database(runners.contact, asked.token, asked.system_id, asked.info, address_of(request))
    document = {"id": caller.runner.pk, "token": asked.token}
    return JsonResponse(_with_expiry(caller.runner, document))


@answers
async def managers(request: HttpRequest) -> HttpResponseBase:
    """DELETE: a machine of the runner's is gone for good."""
    only(request, "DELETE")
    asked = RunnerCall.model_validate_json(json_body(request, MESSAGE_LIMIT))
    await in_database(runners.remove_manager, asked.token, asked.system_id)
    return HttpResponse(status=204)


@answers
async def reset_token(request: HttpRequest) -> HttpResponseBase:
    """With the token that is valid now; that one is not any more."""
    only(request, "POST")
    asked = RunnerCall.model_validate_json(json_body(request, MESSAGE_LIMIT))
    runner = await in_database(runners.authenticate, asked.token)
    token = await in_database(runners.reset_token, runner)
    return JsonResponse(_with_expiry(runner, {"token": token}), status=201)


@answers
async def router_discovery(request: HttpRequest) -> HttpResponseBase:
    """There is no job router; runners then poll. Without a valid token: 403."""
    only(request, "GET")
    await in_database(runners.authenticate, request.headers.get("Runner-Token", ""))
    return message(501, "501 Not Implemented - there is no job router: poll POST /jobs/request")
