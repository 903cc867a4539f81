"""Pages. What a caller may not see is not there: 404, or the sign-in page for those who are not signed in."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_GET, require_POST

from shipline.coordinator import access, jobs, tokens
from shipline.coordinator.http.runner_api import send_file
from shipline.coordinator.models import Job, JobArtifact, Pipeline, Project, Runner
from shipline.coordinator.services import services

STATIC = Path(__file__).parent / "static"
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PIPELINES_SHOWN = 30


def _page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, template, {"user": request.user, **context}, status=status)
    response["Content-Security-Policy"] = POLICY
    return response


def _missing(request: HttpRequest) -> HttpResponseBase:
    if not request.user.is_authenticated:
        return HttpResponseRedirect("/users/sign_in?" + urlencode({"next": request.get_full_path()}))
    return _page(request, "missing.html", {}, 404)


def readiness(request: HttpRequest) -> JsonResponse:
    """Answers as soon as requests are answered at all."""
    return JsonResponse({"status": "ok"})


@require_GET
def static(request: HttpRequest, name: str) -> HttpResponseBase:
    path = STATIC / name
    if path.parent != STATIC or path.suffix not in STATIC_TYPES or not path.is_file():
        raise Http404
    response = HttpResponse(path.read_bytes(), content_type=STATIC_TYPES[path.suffix])
    response["Cache-Control"] = "max-age=300"
    return response


def sign_in(request: HttpRequest) -> HttpResponseBase:
    """User name, and a password or a personal access token."""
    target = request.GET.get("next") or request.POST.get("next") or "/"
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = "/"
    wrong = False
    if request.method == "POST":
        name, secret = request.POST.get("username", ""), request.POST.get("password", "")
        holder = tokens.user_of(secret.strip())
        user = holder if holder is not None and holder.username == name else None
        if user is None:
            user = authenticate(request, username=name, password=secret)
        if user is not None:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return HttpResponseRedirect(target)
        wrong = True
    return _page(request, "sign_in.html", {"next": target, "wrong": wrong}, 401 if wrong else 200)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    logout(request)
    return HttpResponseRedirect("/")


@require_GET
def projects(request: HttpRequest) -> HttpResponseBase:
    if not request.user.is_authenticated and not Project.objects.filter(visibility="public").exists():
        return _missing(request)
    found = [
        project
        for project in Project.objects.order_by("path_with_namespace")
        if access.may_read(request.user, project)
    ]
    rows = [{"project": project, "last": project.pipelines.order_by("-id").first()} for project in found]
    return _page(request, "projects.html", {"rows": rows})


def find_project(request: HttpRequest, path: str) -> Project | None:
    project = Project.objects.filter(path_with_namespace=path).first()
    return project if project is not None and access.may_read(request.user, project) else None


@require_GET
def project(request: HttpRequest, project: str) -> HttpResponseBase:
    found = find_project(request, project)
    if found is None:
        return _missing(request)
    url = f"{services().config.coordinator.external_url}/{found.path_with_namespace}.git"
    branches = services().repositories.branches(found.pk)
    context = {"project": found, "clone_url": url, "branches": branches, "rows": _rows(found)}
    return _page(request, "project.html", context)


@require_GET
def pipelines(request: HttpRequest, project: str) -> HttpResponseBase:
    found = find_project(request, project)
    if found is None:
        return _missing(request)
    return _page(request, "pipelines.html", {"project": found, "rows": _rows(found)})


def _rows(project: Project) -> list[dict[str, Any]]:
    newest = Pipeline.objects.filter(project=project).select_related("user").order_by("-id")[:PIPELINES_SHOWN]
    rows = []
    for pipeline in newest:
        by_stage: dict[str, list[Job]] = {stage: [] for stage in pipeline.stages}
        for job in pipeline.jobs.filter(retried=False).order_by("stage_index", "id"):
            by_stage[job.stage].append(job)
        rows.append(
            {
                "pipeline": pipeline,
                "stages": [(stage, worst(found)) for stage, found in by_stage.items()],
                "took": took(pipeline.started_at, pipeline.finished_at),
            }
        )
    return rows


_WORST = (
    "failed",
    "running",
    "canceling",
    "pending",
    "manual",
    "canceled",
    "created",
    "scheduled",
    "skipped",
    "success",
)


def worst(found: list[Job]) -> str:
    """The status that a stage shows."""
    statuses = {"warning" if job.status == "failed" and job.allow_failure else job.status for job in found}
    return next((status for status in _WORST if status in statuses), "warning")


def took(start: datetime | None, end: datetime | None) -> str:
    if start is None:
        return ""
    return in_words((end or timezone.now()) - start)


def in_words(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02} s"


def find_pipeline(request: HttpRequest, project: str, pipeline_id: int) -> Pipeline | None:
    found = find_project(request, project)
    if found is None:
        return None
    return Pipeline.objects.select_related("project", "user").filter(project=found, pk=pipeline_id).first()


@require_GET
def pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = find_pipeline(request, project, pipeline_id)
    if found is None:
        return _missing(request)
    return _page(request, "pipeline.html", _pipeline_context(found))


@require_GET
def pipeline_body(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    """The part of the page that changes."""
    found = find_pipeline(request, project, pipeline_id)
    if found is None:
        raise Http404
    return _page(request, "pipeline_body.html", _pipeline_context(found))


def _pipeline_context(pipeline: Pipeline) -> dict[str, Any]:
    found = list(pipeline.jobs.filter(retried=False).select_related("runner").order_by("stage_index", "id"))
    return {
        "pipeline": pipeline,
        "project": pipeline.project,
        "stages": [(stage, [job for job in found if job.stage == stage]) for stage in pipeline.stages],
        "bars": _bars(pipeline, found),
        "took": took(pipeline.started_at, pipeline.finished_at),
        "live": pipeline.status not in ("success", "failed", "canceled", "skipped"),
    }


def _bars(pipeline: Pipeline, found: list[Job]) -> list[dict[str, Any]]:
    """One bar per job that has run: where in the pipeline's time it lies, in percent."""
    ran = [job for job in found if job.started_at]
    if not ran:
        return []
    begun = pipeline.created_at
    end = max((job.finished_at or timezone.now()) for job in ran)
    whole = max((end - begun).total_seconds(), 0.1)
    bars = []
    for job in ran:
        start, finish = job.started_at or begun, job.finished_at or timezone.now()
        left = (start - begun).total_seconds() / whole * 100
        width = max((finish - start).total_seconds() / whole * 100, 0.5)
        bars.append(
            {
                "job": job,
                "left": f"{left:.2f}",
                "width": f"{min(width, 100 - left):.2f}",
                "took": took(start, finish),
            }
        )
    return bars


def find_job(request: HttpRequest, project: str, job_id: int) -> Job | None:
    found = find_project(request, project)
    if found is None:
        return None
    related = Job.objects.select_related("project", "pipeline", "pipeline__user", "runner")
    return related.filter(project=found, pk=job_id).first()


@require_GET
def job(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    found = find_job(request, project, job_id)
    if found is None:
        return _missing(request)
    image = (found.definition.get("image") or {}).get("name", "")
    context = {
        "job": found,
        "project": found.project,
        "pipeline": found.pipeline,
        "image": image,
        "services": [service["name"] for service in found.definition.get("services", [])],
        "facts": job_facts(found),
        "siblings": found.pipeline.jobs.filter(retried=False).order_by("stage_index", "id"),
        "artifacts": list(found.artifacts.all()),
    }
    return _page(request, "job.html", context)


def job_facts(job: Job) -> dict[str, str]:
    """What of a job changes while it is looked at."""
    why = job.reason
    if job.status == "pending":
        why = jobs.why_waiting(job, Runner.objects.all())
    if job.status == "failed" and job.exit_code is not None:
        why = f"{why}, exit code {job.exit_code}"
    return {"status": job.status, "why": why, "took": took(job.started_at, job.finished_at)}


@require_GET
def raw_log(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    found = find_job(request, project, job_id)
    if found is None:
        return _missing(request)
    content = jobs.notice_lines(found) + jobs.read_trace(found)
    return HttpResponse(content, content_type="text/plain; charset=utf-8")


@require_GET
def artifacts(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    found = find_job(request, project, job_id)
    if found is None:
        return _missing(request)
    archive = JobArtifact.objects.filter(job=found, file_type="archive").first()
    if archive is None:
        return _missing(request)
    path = services().data.coordinator / "artifacts" / archive.file
    return send_file(path, "application/zip", archive.filename) or _missing(request)
