"""GitLab's REST API v4, as far as clients need it to set up a project and follow its pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError

from shipline.coordinator import tokens
from shipline.coordinator.http import throttling
from shipline.coordinator.http.rest import (
    branches,
    ci_lint,
    jobs,
    members,
    pipelines,
    project_runners,
    projects,
    protected_branches,
    runners,
    users,
    variables,
)
from shipline.coordinator.http.rest.lookup import Invalid
from shipline.version import __version__

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def _user(request: HttpRequest) -> User | None:
    token = request.headers.get("PRIVATE-TOKEN", "")
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if not token and kind.lower() == "bearer":
        token = value.strip()
    return tokens.user_of(token)


api = NinjaAPI(title="shipline", version=__version__, auth=_user, urls_namespace="rest_v4", docs_url=None)
RESOURCES = (
    users, projects, members, branches, protected_branches, variables, ci_lint, pipelines, jobs, runners,
    project_runners,
)  # fmt: skip
for resource in RESOURCES:
    api.add_router("", resource.router)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    return api.create_response(request, {"message": str(error)}, status=error.status_code)


@api.exception_handler(Invalid)
def _wrong(request: HttpRequest, error: Invalid) -> HttpResponse:
    return api.create_response(request, {"message": {error.field: [error.words]}}, status=400)


@api.exception_handler(AuthenticationError)
def _unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    try:
        throttling.count_refused(request)
    except throttling.TooMany as refused:
        return refused.response()
    return api.create_response(request, {"message": "401 Unauthorized"}, status=401)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return api.create_response(request, {"message": f"404 {error} Not Found"}, status=404)


@api.exception_handler(NinjaValidationError)
def _invalid(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    words = [f"{'.'.join(str(part) for part in one['loc'][-1:])} {one['msg']}" for one in error.errors]
    return api.create_response(request, {"error": ", ".join(words)}, status=400)


@csrf_exempt
def unknown(request: HttpRequest, path: str = "") -> HttpResponse:
    """Whatever is not an endpoint."""
    return HttpResponse('{"error":"404 Not Found"}', status=404, content_type="application/json")
