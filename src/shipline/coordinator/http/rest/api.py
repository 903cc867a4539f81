"""GitLab's REST API v4, as far as clients need it to set up a project and follow its pipelines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError

from shipline.coordinator.http import throttling
from shipline.coordinator.http.rest import (
    access_tokens,
    application_settings,
    branches,
    bridges,
    ci_lint,
    commit_statuses,
    commits,
    deployments,
    environments,
    files,
    groups,
    job_artifacts,
    jobs,
    members,
    merge_requests,
    pipelines,
    project_runners,
    projects,
    protected_branches,
    protected_tags,
    release_links,
    releases,
    resource_groups,
    runners,
    schedules,
    tags,
    test_reports,
    triggers,
    users,
    variables,
)
from shipline.coordinator.http.rest.callers import AccessToken, ClosedToken, InsufficientScope
from shipline.coordinator.http.rest.description import DescribedAPI
from shipline.coordinator.http.rest.lookup import Invalid
from shipline.coordinator.http.rest.parser import TextParser
from shipline.coordinator.http.text import UnfitText
from shipline.coordinator.http.unreachable import unreachable
from shipline.coordinator.models import Job, Pipeline
from shipline.version import __version__

api = DescribedAPI(
    title="shipline",
    version=__version__,
    description="GitLab's REST API v4, as far as pipelines need it.",
    auth=AccessToken(),
    parser=TextParser(),
    urls_namespace="rest_v4",
    docs_url=None,
    openapi_extra={
        "externalDocs": {
            "url": "https://docs.gitlab.com/api/rest/",
            "description": "GitLab's own description",
        }
    },
)
RESOURCES = (
    users, application_settings, access_tokens, groups, projects, members, variables,
    commit_statuses, commits, files, branches, tags, protected_branches, protected_tags,
    ci_lint, pipelines, test_reports, job_artifacts, jobs, runners, project_runners,
    environments, deployments, resource_groups,
    bridges, schedules, triggers, merge_requests,
)  # fmt: skip
for resource in RESOURCES:
    api.add_router("", resource.router)
# A tag's name may hold slashes: what ends in one would take all that comes after it.
for releasing in (releases.router, release_links.router, releases.by_tag):
    api.add_router("", releasing)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    # What is wrong with a body's text only its reader knows.
    words = f"400 Bad request - {error.__cause__}" if isinstance(error.__cause__, UnfitText) else str(error)
    return api.create_response(request, {"message": words}, status=error.status_code)


@api.exception_handler(Invalid)
def _wrong(request: HttpRequest, error: Invalid) -> HttpResponse:
    return api.create_response(request, {"message": {error.field: [error.words]}}, status=400)


@api.exception_handler(InsufficientScope)
def _scope(request: HttpRequest, error: InsufficientScope) -> HttpResponse:
    words = "The request requires higher privileges than provided by the access token."
    told = {"error": "insufficient_scope", "error_description": words, "scope": error.scope}
    return api.create_response(request, told, status=403)


@api.exception_handler(AuthenticationError)
def _unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    try:
        throttling.count_refused(request)
    except throttling.TooMany as refused:
        return refused.response()
    if isinstance(error, ClosedToken):
        told = {"error": "invalid_token", "error_description": error.why}
        return api.create_response(request, told, status=401)
    return api.create_response(request, {"message": "401 Unauthorized"}, status=401)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return api.create_response(request, {"message": f"404 {error} Not Found"}, status=404)


@api.exception_handler(Job.DoesNotExist)
@api.exception_handler(Pipeline.DoesNotExist)
def _gone(request: HttpRequest, error: Job.DoesNotExist | Pipeline.DoesNotExist) -> HttpResponse:
    """It was there when the call began, and somebody has deleted it since."""
    return api.create_response(request, {"message": "404 Not Found"}, status=404)


@api.exception_handler(NinjaValidationError)
def _invalid(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    words = [f"{_member(one['loc'])} {one['msg']}" for one in error.errors]
    return api.create_response(request, {"error": ", ".join(words)}, status=400)


def _member(place: Sequence[str | int]) -> str:
    """The name that the caller gave: of a list its own, not the number of what is in it."""
    names = [part for part in place if isinstance(part, str)]
    return names[-1].removesuffix("[]") if names else ""


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponseBase:
    # No exception leaves django-ninja, so that Django's middleware never sees this one.
    if (answer := unreachable(request, error)) is not None:
        return answer
    logging.getLogger(__name__).error("%s %s failed", request.method, request.path, exc_info=error)
    return api.create_response(request, {"message": "500 Internal Server Error"}, status=500)


def patterns() -> list[Any]:
    """The API's addresses; a method that one does not have is refused in GitLab's words."""
    found, _, _ = api.urls
    for pattern in found:
        if pattern.callback is not None:
            pattern.callback = _refusing_methods(pattern.callback)
    return list(found)


def _refusing_methods(view: Callable[..., Any]) -> Callable[..., Any]:
    def told(response: HttpResponse) -> HttpResponse:
        if isinstance(response, HttpResponseNotAllowed):
            response.content = b'{"error":"405 Not Allowed"}'
            response["Content-Type"] = "application/json"
        return response

    @wraps(view)
    async def waiting(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return told(await view(request, *args, **kwargs))

    @wraps(view)
    def direct(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return told(view(request, *args, **kwargs))

    return waiting if iscoroutinefunction(view) else direct
