"""Pages. What a caller may not see is not there: 404, or the sign-in page for those who are not signed in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.db.models import Max, Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from shipline.coordinator import access, tokens, traces
from shipline.coordinator import artifacts as stored
from shipline.coordinator.access import Ability
from shipline.coordinator.http import streams, throttling
from shipline.coordinator.http.files import send_file
from shipline.coordinator.models import JobArtifact, Pipeline, Project
from shipline.coordinator.services import services
from shipline.coordinator.stored import stored_at, trace_path
from shipline.coordinator.web import facts
from shipline.coordinator.web.finding import find_job, find_pipeline, find_project, number_in
from shipline.coordinator.web.job_tests import pipeline_tests
from shipline.coordinator.web.pages import POLICY
from shipline.coordinator.web.pages import missing as _missing
from shipline.coordinator.web.pages import page as _page
from shipline.coordinator.web.pipeline_lists import listed, newest_of, pipeline_rows

STATIC = Path(__file__).parent / "static"
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
STORED_TYPES = {"zip": "application/zip", "gzip": "application/gzip"}
PROJECTS_SHOWN, PAGES_LIMIT = 100, 1_000_000
PIPELINES_SHOWN = 30
NEWEST_SHOWN = 10
ENVIRONMENTS_SHOWN = 12


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
    name, wrong = "", False
    if request.method == "POST":
        # No name and no password holds a NUL, and PostgreSQL would not look for one.
        name, secret = (request.POST.get(one, "").replace("\0", "") for one in ("username", "password"))
        try:
            throttling.before_sign_in(request)
            user = _user(request, name, secret.strip())
            if user is not None:
                login(request, user, backend="django.contrib.auth.backends.ModelBackend")
                return HttpResponseRedirect(target)
            throttling.count_failed_sign_in(request)
        except throttling.TooMany as refused:
            return refused.response(for_people=True)
        wrong = True
    return _page(
        request,
        "sign_in.html",
        {"next": target, "wrong": wrong, "name": name, "signing_in": True},
        401 if wrong else 200,
    )


def _user(request: HttpRequest, name: str, secret: str) -> User | None:
    """The token's owner, if that is whom the caller names; else whose password it is. A token is never tried
    as a password: that takes long, on purpose."""
    if secret.startswith(tokens.PERSONAL):
        holder = tokens.user_of(secret)
        return holder if holder is not None and holder.username == name else None
    found = authenticate(request, username=name, password=secret)
    return found if isinstance(found, User) else None


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    logout(request)
    return HttpResponseRedirect("/")


@require_GET
def projects(request: HttpRequest) -> HttpResponseBase:
    if not request.user.is_authenticated and not Project.objects.filter(visibility="public").exists():
        return _missing(request)
    number = max(1, min(number_in(request, "page") or 1, PAGES_LIMIT))
    first = (number - 1) * PROJECTS_SHOWN
    wanted = access.readable_projects(request.user).order_by("path_with_namespace")
    found = list(wanted[first : first + PROJECTS_SHOWN + 1])
    newest = _newest_pipelines(request, found[:PROJECTS_SHOWN])
    context = {
        "rows": [{"project": one, "last": newest.get(one.pk)} for one in found[:PROJECTS_SHOWN]],
        "before": number - 1,
        "after": number + 1 if len(found) > PROJECTS_SHOWN else None,
        "url": services().config.coordinator.external_url,
    }
    return _page(request, "projects.html", context)


def _newest_pipelines(request: HttpRequest, projects: Iterable[Project]) -> dict[int, Pipeline]:
    """By project, of those whose pipelines the reader may see."""
    open_ones = Q(project__public_jobs=True) | Q(
        project__in=access.projects_at(request.user, access.REPORTER)
    )
    rows = Pipeline.objects.filter(open_ones, project__in=[one.pk for one in projects])
    rows = rows.exclude(source="parent_pipeline")
    newest = rows.order_by().values("project").annotate(newest=Max("id")).values("newest")
    return {one.project_id: one for one in listed(Pipeline.objects.filter(pk__in=newest))}


@require_GET
def project(request: HttpRequest, project: str) -> HttpResponseBase:
    found = find_project(request, project)
    if found is None:
        return _missing(request)
    url = f"{services().config.coordinator.external_url}/{found.path_with_namespace}.git"
    newest = (
        newest_of(found)
        if access.may(request.user, found, Ability.READ_PIPELINE)
        else Pipeline.objects.none()
    )
    context = {
        "project": found,
        "clone_url": url,
        "branches": services().repositories.branches(found.pk),
        "environments": found.environments.exclude(state="stopped").order_by("name")[:ENVIRONMENTS_SHOWN],
        "rows": pipeline_rows(newest[:NEWEST_SHOWN]),
        "more": newest.count() > NEWEST_SHOWN,
    }
    return _page(request, "project.html", context)


def _sees_pipelines(request: HttpRequest, project: Project) -> bool:
    return access.may(request.user, project, access.Ability.READ_PIPELINE)


@require_GET
def pipelines(request: HttpRequest, project: str) -> HttpResponseBase:
    """Newest first; `?before=ID` gives those before it."""
    found = find_project(request, project, Ability.READ_PIPELINE)
    if found is None:
        return _missing(request)
    wanted = newest_of(found)
    if before := number_in(request, "before"):
        wanted = wanted.filter(pk__lt=before)
    rows = list(wanted[: PIPELINES_SHOWN + 1])
    context = {
        "project": found,
        "rows": pipeline_rows(rows[:PIPELINES_SHOWN]),
        "before": before,
        "older": rows[PIPELINES_SHOWN - 1].pk if len(rows) > PIPELINES_SHOWN else None,
    }
    return _page(request, "pipelines.html", context)


@require_GET
def pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = find_pipeline(request, project, pipeline_id)
    if found is None:
        return _missing(request)
    context = facts.pipeline_facts(found, request.user) | pipeline_tests(found, request.user)
    return _page(request, "pipeline.html", context)


@require_GET
def job(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    found = find_job(request, project, job_id)
    if found is None:
        return _missing(request)
    return _page(request, "job.html", facts.job_facts(found, request.user))


@require_GET
def raw_log(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    found = find_job(request, project, job_id)
    if found is None or not traces.may_read(request.user, found):
        return _missing(request)
    head, path = traces.notice_lines(found), trace_path(found.pk)
    response = streams.text_and_file(request, head, path, found.trace_size, "text/plain; charset=utf-8")
    response["Content-Security-Policy"] = POLICY
    return response


@require_GET
def artifacts(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    """The archive, or with `?file_type=` a report, as it was stored."""
    found = _artifact(request, project, job_id, request.GET.get("file_type", "archive"))
    if found is None:
        return _missing(request)
    content_type = STORED_TYPES.get(found.file_format, "application/octet-stream")
    return send_file(stored_at(found), content_type, found.filename) or _missing(request)


@require_GET
def artifact_file(request: HttpRequest, project: str, job_id: int, name: str) -> HttpResponseBase:
    """One file out of the archive."""
    found = _artifact(request, project, job_id, "archive")
    answer = streams.archived_file(stored_at(found), name) if found is not None else None
    return answer or _missing(request)


def _artifact(request: HttpRequest, project: str, job_id: int, file_type: str) -> JobArtifact | None:
    job = find_job(request, project, job_id)
    if job is None:
        return None
    found = JobArtifact.objects.filter(job=job, file_type=file_type.replace("\0", "")).first()
    return found if found is not None and stored.may_download(request.user, found) else None
