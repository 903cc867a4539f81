"""Every address of the coordinator."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, path, re_path

from shipline.coordinator.http import git, hooks, open_id, registry_tokens
from shipline.coordinator.http.rest import api as rest
from shipline.coordinator.http.runner_api import artifacts, jobs, runners, traces
from shipline.coordinator.web import actions, environments, live, merge_requests, releases, schedules, views

rest_urls = rest.urls()


def _listing() -> Any:
    """GET /runners of REST v4."""
    found = (pattern.resolve("runners") for pattern in rest_urls[0])
    return next(match.func for match in found if match is not None)


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
    path("api/v4/runners", runners.collection(_listing())),
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
    path("api/v4/", rest_urls),
    re_path(r"^api/", rest.unknown),
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
