"""Every address of the coordinator."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.urls.resolvers import RoutePattern
from django.views.decorators.csrf import csrf_exempt

from shipline.coordinator.http import git, hooks, open_id, registry_tokens
from shipline.coordinator.http.runner_api import artifacts, jobs, runners, traces
from shipline.coordinator.web import actions, environments, live, merge_requests, releases, schedules, views

# By its name, so that Django loads it when it is first asked for.
rest_v4 = URLResolver(RoutePattern("api/v4/"), "shipline.coordinator.http.rest.urls", namespace="rest_v4")


def _list_runners(request: HttpRequest) -> Any:
    """GET /runners of REST v4."""
    return rest_v4.resolve("api/v4/runners").func(request)


@csrf_exempt
def _unknown(request: HttpRequest) -> HttpResponse:
    """Whatever is not an endpoint."""
    return HttpResponse('{"error":"404 Not Found"}', status=404, content_type="application/json")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.projects),
    path("users/sign_in", views.sign_in),
    path("users/sign_out", views.sign_out),
    path("static/<str:name>", views.static),
    # What a browser asks for when it shows a file that is no page.
    path("favicon.ico", views.static, {"name": "mark.svg"}),
    path("-/readiness", views.readiness),
    path("-/internal/hooks/<str:name>", hooks.hook),
    path("jwt/auth", registry_tokens.auth),
    path(".well-known/openid-configuration", open_id.configuration),
    path("oauth/discovery/keys", open_id.keys),
    # The older name, which Vaults are still set up with.
    path("-/jwks", open_id.keys),
    # The Runner API's paths stand before REST v4's: some of them look alike.
    path("api/v4/runners", runners.collection(_list_runners)),
    path("api/v4/runners/verify", runners.verify),
    path("api/v4/runners/managers", runners.managers),
    path("api/v4/runners/reset_authentication_token", runners.reset_token),
    path("api/v4/runners/router/discovery", runners.router_discovery),
    path("api/v4/jobs/request", jobs.request_job),
    path("api/v4/jobs/<int:job_id>", jobs.update),
    path("api/v4/jobs/<int:job_id>/trace", traces.trace),
    path("api/v4/jobs/<int:job_id>/artifacts/authorize", artifacts.authorize),
    path("api/v4/jobs/<int:job_id>/artifacts", artifacts.artifacts),
    path("api/v4/job", jobs.current_job),
    rest_v4,
    re_path(r"^api/", _unknown),
    re_path(r"^(?P<path>.+\.git/(?:info/refs|git-upload-pack|git-receive-pack))$", git.git),
    path("<path:project>/-/pipeline_schedules", schedules.schedules),
    path("<path:project>/-/releases", releases.index),
    path("<path:project>/-/releases/<path:tag>", releases.release),
    path("<path:project>/-/merge_requests", merge_requests.index),
    path("<path:project>/-/merge_requests/<int:iid>", merge_requests.merge_request),
    path("<path:project>/-/pipelines", views.pipelines),
    path("<path:project>/-/pipelines/<int:pipeline_id>", views.pipeline),
    path("<path:project>/-/pipelines/<int:pipeline_id>/live", live.pipeline),
    path("<path:project>/-/pipelines/<int:pipeline_id>/cancel", actions.cancel_pipeline),
    path("<path:project>/-/environments", environments.index),
    path("<path:project>/-/environments/<int:environment_id>", environments.show),
    path("<path:project>/-/environments/<int:environment_id>/stop", environments.stop),
    path("<path:project>/-/jobs/<int:job_id>", views.job),
    path("<path:project>/-/jobs/<int:job_id>/live", live.job),
    path("<path:project>/-/jobs/<int:job_id>/raw", views.raw_log),
    path("<path:project>/-/jobs/<int:job_id>/artifacts", views.artifacts),
    path("<path:project>/-/jobs/<int:job_id>/artifacts/file/<path:name>", views.artifact_file),
    path("<path:project>/-/jobs/<int:job_id>/<str:action>", actions.job),
    path("<path:project>", views.project),
]
