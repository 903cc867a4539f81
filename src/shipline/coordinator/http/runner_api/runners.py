"""Runners come, say that they are there, change their tokens and go."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from shipline.coordinator import runners
from shipline.coordinator.http.runner_api.calls import answers, body, message, only
from shipline.coordinator.http.throttling import address_of, limit_token
from shipline.coordinator.models import Runner
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import in_database
from shipline.protocols import runner_api as api

TAGS_LIMIT, TAG_LIMIT = 50, 255


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
    asked = api.RegisterRequest.model_validate_json(body(request))
    listed = asked.tag_list if isinstance(asked.tag_list, list) else asked.tag_list.split(",")
    tags = list(dict.fromkeys(tag.strip() for tag in listed if tag.strip()))
    runner, token = await in_database(_make, asked, tags)
    return JsonResponse(_with_expiry(runner, {"id": runner.pk, "token": token}), status=201)


def _make(asked: api.RegisterRequest, tags: list[str]) -> tuple[Runner, str]:
    if len(tags) > TAGS_LIMIT or any(len(tag) > TAG_LIMIT for tag in tags):
        raise Refusal(
            400, f"400 Bad request - tag_list: no more than {TAGS_LIMIT} tags of {TAG_LIMIT} characters"
        )
    return runners.register(
        asked.token,
        description=asked.description,
        maintenance_note=asked.maintenance_note,
        tags=tags,
        run_untagged=asked.run_untagged,
        locked=asked.locked,
        protected_only=asked.access_level == "ref_protected",
        maximum_timeout=asked.maximum_timeout,
        paused=asked.paused,
    )


def _with_expiry(runner: Runner, document: dict[str, Any]) -> dict[str, Any]:
    return document | {"token_expires_at": runner.token_expires_at}


async def _leave(request: HttpRequest) -> HttpResponseBase:
    asked = api.VerifyRequest.model_validate_json(body(request))
    runner = await in_database(runners.authenticate, asked.token)
    await in_database(runner.delete)
    return HttpResponse(status=204)


@answers
async def verify(request: HttpRequest) -> HttpResponseBase:
    only(request, "POST")
    asked = api.VerifyRequest.model_validate_json(body(request))
    limit_token("job_requests", asked.token)
    caller = await in_database(runners.contact, asked.token, asked.system_id, asked.info, address_of(request))
    document = {"id": caller.runner.pk, "token": asked.token}
    return JsonResponse(_with_expiry(caller.runner, document))


@answers
async def managers(request: HttpRequest) -> HttpResponseBase:
    """DELETE: a machine of the runner's is gone for good."""
    only(request, "DELETE")
    asked = api.VerifyRequest.model_validate_json(body(request))
    await in_database(runners.remove_manager, asked.token, asked.system_id)
    return HttpResponse(status=204)


@answers
async def reset_token(request: HttpRequest) -> HttpResponseBase:
    """With the token that is valid now; that one is not any more."""
    only(request, "POST")
    asked = api.VerifyRequest.model_validate_json(body(request))
    runner = await in_database(runners.authenticate, asked.token)
    token = await in_database(runners.reset_token, runner)
    return JsonResponse(_with_expiry(runner, {"token": token}), status=201)


@answers
async def router_discovery(request: HttpRequest) -> HttpResponseBase:
    """There is no job router; runners then poll. Without a valid token: 403."""
    only(request, "GET")
    await in_database(runners.authenticate, request.headers.get("Runner-Token", ""))
    return message(501, "501 Not Implemented - there is no job router: poll POST /jobs/request")
