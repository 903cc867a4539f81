"""Every address of the coordinator."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from shipline.coordinator.http import git, hooks, registry_tokens, runner_api
from shipline.coordinator.http.rest import api as rest
from shipline.coordinator.web import actions, live, merge_requests, schedules, views

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
    # The Runner API's paths stand before REST v4's: some of them look alike.
    path("api/v4/runners", runner_api.register),
    path("api/v4/runners/verify", runner_api.verify),
    path("api/v4/runners/router/discovery", runner_api.router_discovery),
    path("api/v4/jobs/request", runner_api.request_job),
    path("api/v4/jobs/<int:job_id>", runner_api.update),
    path("api/v4/jobs/<int:job_id>/trace", runner_api.trace),
    path("api/v4/jobs/<int:job_id>/artifacts", runner_api.artifacts),
    path("api/v4/job", runner_api.current_job),
    path("api/v4/", rest.api.urls),
    re_path(r"^api/", rest.unknown),
    re_path(r"^(?P<path>.+\.git/(?:info/refs|git-upload-pack|git-receive-pack))$", git.git),
    path("<path:project>/-/pipeline_schedules", schedules.schedules),
    path("<path:project>/-/merge_requests/<int:iid>", merge_requests.merge_request),
    path("<path:project>/-/pipelines", views.pipelines),
    path("<path:project>/-/pipelines/<int:pipeline_id>", views.pipeline),
    path("<path:project>/-/pipelines/<int:pipeline_id>/live", live.pipeline),
    path("<path:project>/-/pipelines/<int:pipeline_id>/cancel", actions.cancel_pipeline),
    path("<path:project>/-/jobs/<int:job_id>", views.job),
    path("<path:project>/-/jobs/<int:job_id>/live", live.job),
    path("<path:project>/-/jobs/<int:job_id>/raw", views.raw_log),
    path("<path:project>/-/jobs/<int:job_id>/artifacts", views.artifacts),
    path("<path:project>/-/jobs/<int:job_id>/<str:action>", actions.job),
    path("<path:project>", views.project),
]
