"""Pages. What a caller may not see is not there: 404, or the sign-in page for those who are not signed in."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.db.models import QuerySet
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
from shipline.coordinator.http import throttling
from shipline.coordinator.http.files import send_file
from shipline.coordinator.models import Job, JobArtifact, Pipeline, Project
from shipline.coordinator.services import services
from shipline.coordinator.stored import stored_at
from shipline.coordinator.web import facts
from shipline.coordinator.web.pages import POLICY
from shipline.coordinator.web.pages import missing as _missing
from shipline.coordinator.web.pages import page as _page

STATIC = Path(__file__).parent / "static"
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
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
    found = [
        project
        for project in Project.objects.order_by("path_with_namespace")
        if access.may_read(request.user, project)
    ]
    rows = [
        {"project": project, "last": _newest(project).first() if _sees_pipelines(request, project) else None}
        for project in found
    ]
    return _page(request, "projects.html", {"rows": rows, "url": services().config.coordinator.external_url})


def find_project(request: HttpRequest, path: str, *abilities: access.Ability) -> Project | None:
    """Who sees the pages of a project reads its code; some of them take more."""
    project = Project.objects.filter(path_with_namespace=path).first()
    if project is None or not access.may_read(request.user, project):
        return None
    return project if all(access.may(request.user, project, one) for one in abilities) else None


@require_GET
def project(request: HttpRequest, project: str) -> HttpResponseBase:
    found = find_project(request, project)
    if found is None:
        return _missing(request)
    url = f"{services().config.coordinator.external_url}/{found.path_with_namespace}.git"
    newest = _newest(found) if _sees_pipelines(request, found) else Pipeline.objects.none()
    context = {
        "project": found,
        "clone_url": url,
        "branches": services().repositories.branches(found.pk),
        "environments": found.environments.exclude(state="stopped").order_by("name")[:ENVIRONMENTS_SHOWN],
        "rows": facts.pipeline_rows(newest[:NEWEST_SHOWN]),
        "more": newest.count() > NEWEST_SHOWN,
    }
    return _page(request, "project.html", context)


def _sees_pipelines(request: HttpRequest, project: Project) -> bool:
    return access.may(request.user, project, access.Ability.READ_PIPELINE)


@require_GET
def pipelines(request: HttpRequest, project: str) -> HttpResponseBase:
    """Newest first; `?before=ID` gives those before it."""
    found = find_project(request, project, access.Ability.READ_PIPELINE)
    if found is None:
        return _missing(request)
    wanted = _newest(found)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        wanted = wanted.filter(pk__lt=int(before))
    rows = list(wanted[: PIPELINES_SHOWN + 1])
    context = {
        "project": found,
        "rows": facts.pipeline_rows(rows[:PIPELINES_SHOWN]),
        "before": before,
        "older": rows[PIPELINES_SHOWN - 1].pk if len(rows) > PIPELINES_SHOWN else None,
    }
    return _page(request, "pipelines.html", context)


def _newest(project: Project) -> QuerySet[Pipeline]:
    """Without child pipelines, as in REST: they are seen beside the jobs that started them."""
    rows = Pipeline.objects.filter(project=project).exclude(source="parent_pipeline")
    return rows.select_related("user").order_by("-id")


def find_pipeline(request: HttpRequest, project: str, pipeline_id: int) -> Pipeline | None:
    found = find_project(request, project, access.Ability.READ_PIPELINE)
    if found is None:
        return None
    return Pipeline.objects.select_related("project", "user").filter(project=found, pk=pipeline_id).first()


@require_GET
def pipeline(request: HttpRequest, project: str, pipeline_id: int) -> HttpResponseBase:
    found = find_pipeline(request, project, pipeline_id)
    if found is None:
        return _missing(request)
    return _page(request, "pipeline.html", facts.pipeline_facts(found, request.user))


def find_job(request: HttpRequest, project: str, job_id: int) -> Job | None:
    found = find_project(request, project, access.Ability.READ_PIPELINE, access.Ability.READ_JOB_LOG)
    if found is None:
        return None
    related = Job.objects.select_related("project", "pipeline", "pipeline__user", "runner")
    return related.filter(project=found, pk=job_id).first()


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
    content = traces.notice_lines(found) + traces.read_trace(found)
    response = HttpResponse(content, content_type="text/plain; charset=utf-8")
    response["Content-Security-Policy"] = POLICY
    return response


@require_GET
def artifacts(request: HttpRequest, project: str, job_id: int) -> HttpResponseBase:
    found = find_job(request, project, job_id)
    if found is None:
        return _missing(request)
    archive = JobArtifact.objects.filter(job=found, file_type="archive").first()
    if archive is None or not stored.may_download(request.user, archive):
        return _missing(request)
    return send_file(stored_at(archive), "application/zip", archive.filename) or _missing(request)
