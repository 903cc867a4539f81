"""GitLab's REST API v4, as far as clients need it to set up a project and follow its pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Query, Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError
from pydantic import Field

from shipline.coordinator import access, jobs, pipelines, tokens
from shipline.coordinator.models import (
    Job,
    JobArtifact,
    Pipeline,
    Project,
    ProjectVariable,
    ProtectedBranch,
    Runner,
)
from shipline.coordinator.pipelines import RefUpdate, RefusedChange, create_pipeline
from shipline.coordinator.projects import InvalidProject, create_project
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.version import __version__

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE_LIMIT = 100


def _user(request: HttpRequest) -> User | None:
    token = request.headers.get("PRIVATE-TOKEN", "")
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if not token and kind.lower() == "bearer":
        token = value.strip()
    return tokens.user_of(token)


api = NinjaAPI(title="shipline", version=__version__, auth=_user, urls_namespace="rest_v4", docs_url=None)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    return api.create_response(request, {"message": str(error)}, status=error.status_code)


@api.exception_handler(AuthenticationError)
def _unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return api.create_response(request, {"message": "401 Unauthorized"}, status=401)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return api.create_response(request, {"message": f"404 {error} Not Found"}, status=404)


@api.exception_handler(NinjaValidationError)
def _invalid(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    words = [f"{'.'.join(str(part) for part in one['loc'][-1:])} {one['msg']}" for one in error.errors]
    return api.create_response(request, {"error": ", ".join(words)}, status=400)


def _me(request: HttpRequest) -> User:
    return request.auth  # type: ignore[attr-defined, no-any-return]


def _project(request: HttpRequest, project_id: str, level: int = access.GUEST) -> Project:
    """By number or by path. What the caller may not see is not there; what it may see but not do is 403."""
    path = unquote(project_id)
    key: dict[str, Any] = {"pk": int(path)} if path.isdigit() else {"path_with_namespace": path}
    project = Project.objects.filter(**key).first()
    if project is None or not access.may_read(_me(request), project):
        raise Http404("Project")
    if access.level(_me(request), project) < level:
        raise HttpError(403, "403 Forbidden")
    return project


def _page(request: HttpRequest, rows: Any, response: HttpResponse, page: int, per_page: int) -> Sequence[Any]:
    per_page = max(1, min(per_page, PAGE_LIMIT))
    page = max(1, page)
    total = rows.count()
    response["X-Total"] = str(total)
    response["X-Page"] = str(page)
    response["X-Per-Page"] = str(per_page)
    response["X-Total-Pages"] = str(-(-total // per_page))
    response["X-Next-Page"] = str(page + 1) if page * per_page < total else ""
    return list(rows[(page - 1) * per_page : page * per_page])


@api.get("/version")
def version(request: HttpRequest) -> dict[str, Any]:
    return {"version": "17.0.0", "revision": f"shipline-{__version__}", "enterprise": False}


@api.get("/user")
def user(request: HttpRequest) -> dict[str, Any]:
    me = _me(request)
    return {
        "id": me.pk,
        "username": me.username,
        "name": me.first_name,
        "state": "active",
        "is_admin": me.is_superuser,
    }


class NewProject(Schema):
    name: Annotated[str, Field(max_length=255)] = ""
    path: Annotated[str, Field(max_length=255)] = ""
    namespace_path: Annotated[str, Field(max_length=255)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""
    visibility: str = "private"
    default_branch: Annotated[str, Field(max_length=255)] = "main"


def _project_json(project: Project) -> dict[str, Any]:
    url = f"{services().config.coordinator.external_url}/{project.path_with_namespace}"
    return {
        "id": project.pk,
        "name": project.name,
        "description": project.description,
        "path": project.path,
        "path_with_namespace": project.path_with_namespace,
        "name_with_namespace": project.path_with_namespace.replace("/", " / "),
        "default_branch": project.default_branch,
        "visibility": project.visibility,
        "created_at": project.created_at,
        "web_url": url,
        "http_url_to_repo": f"{url}.git",
        "namespace": {"full_path": project.namespace, "path": project.namespace.rpartition("/")[2]},
        "build_timeout": project.build_timeout,
    }


@api.get("/projects")
def list_projects(
    request: HttpRequest, response: HttpResponse, page: int = 1, per_page: int = 20, search: str = ""
) -> list[dict[str, Any]]:
    rows = Project.objects.order_by("-id")
    if search:
        rows = rows.filter(path_with_namespace__icontains=search)
    me = _me(request)
    if not me.is_superuser:
        visible = [project.pk for project in rows if access.may_read(me, project)]
        rows = rows.filter(pk__in=visible)
    return [_project_json(project) for project in _page(request, rows, response, page, per_page)]


@api.post("/projects", response={201: dict[str, Any]})
def new_project(request: HttpRequest, body: NewProject) -> tuple[int, dict[str, Any]]:
    me = _me(request)
    if not me.is_superuser:
        raise HttpError(403, "403 Forbidden")
    path = body.path or body.name
    try:
        project = create_project(
            body.namespace_path or me.username,
            path,
            name=body.name,
            visibility=body.visibility,
            default_branch=body.default_branch,
        )
    except InvalidProject as error:
        raise HttpError(400, str(error)) from error
    return 201, _project_json(project)


@api.get("/projects/{project_id}")
def get_project(request: HttpRequest, project_id: str) -> dict[str, Any]:
    return _project_json(_project(request, project_id))


@api.get("/projects/{project_id}/protected_branches")
def list_protected(request: HttpRequest, project_id: str) -> list[dict[str, Any]]:
    project = _project(request, project_id)
    return [_protected_json(branch) for branch in project.protected_branches.order_by("name")]


def _protected_json(branch: ProtectedBranch) -> dict[str, Any]:
    maintainers = [{"access_level": access.MAINTAINER, "access_level_description": "Maintainers"}]
    return {
        "id": branch.pk,
        "name": branch.name,
        "push_access_levels": maintainers,
        "merge_access_levels": maintainers,
        "allow_force_push": False,
    }


class NewProtection(Schema):
    name: Annotated[str, Field(min_length=1, max_length=255)]


@api.post("/projects/{project_id}/protected_branches", response={201: dict[str, Any]})
def protect(request: HttpRequest, project_id: str, body: NewProtection) -> tuple[int, dict[str, Any]]:
    project = _project(request, project_id, access.ADMINISTER)
    if project.protected_branches.filter(name=body.name).exists():
        raise HttpError(409, f"Protected branch '{body.name}' already exists")
    return 201, _protected_json(ProtectedBranch.objects.create(project=project, name=body.name))


@api.delete("/projects/{project_id}/protected_branches/{name}", response={204: None})
def unprotect(request: HttpRequest, project_id: str, name: str) -> tuple[int, None]:
    project = _project(request, project_id, access.ADMINISTER)
    if not project.protected_branches.filter(name=name).delete()[0]:
        raise Http404("Protected Branch")
    return 204, None


class NewVariable(Schema):
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
    value: Annotated[str, Field(max_length=100_000)] = ""
    protected: bool = False
    masked: bool = False
    raw: bool = False
    variable_type: Annotated[str, Field(pattern="^(env_var|file)$")] = "env_var"
    environment_scope: Annotated[str, Field(max_length=255)] = "*"


class ChangedVariable(Schema):
    value: Annotated[str, Field(max_length=100_000)] | None = None
    protected: bool | None = None
    masked: bool | None = None
    raw: bool | None = None
    variable_type: Annotated[str, Field(pattern="^(env_var|file)$")] | None = None


def _variable_json(row: ProjectVariable) -> dict[str, Any]:
    names = ("key", "value", "protected", "masked", "raw", "variable_type", "environment_scope")
    return {name: getattr(row, name) for name in names} | {"hidden": False, "description": None}


def _check_maskable(value: str) -> None:
    """A short value, or one of several lines, cannot be masked without ruining the log."""
    if len(value) < 8 or "\n" in value or " " in value:
        raise HttpError(
            400, "{'value': ['is invalid: a masked value has 8 characters or more, in one line, no blanks']}"
        )


@api.get("/projects/{project_id}/variables")
def list_variables(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    project = _project(request, project_id, access.ADMINISTER)
    rows = ProjectVariable.objects.filter(project=project).order_by("key")
    return [_variable_json(row) for row in _page(request, rows, response, page, per_page)]


@api.post("/projects/{project_id}/variables", response={201: dict[str, Any]})
def new_variable(request: HttpRequest, project_id: str, body: NewVariable) -> tuple[int, dict[str, Any]]:
    project = _project(request, project_id, access.ADMINISTER)
    if body.masked:
        _check_maskable(body.value)
    try:
        row = ProjectVariable.objects.create(project=project, **body.dict())
    except IntegrityError as error:
        raise HttpError(400, f"{{'key': ['({body.key}) has already been taken']}}") from error
    return 201, _variable_json(row)


def _one_variable(request: HttpRequest, project_id: str, key: str) -> ProjectVariable:
    project = _project(request, project_id, access.ADMINISTER)
    row = ProjectVariable.objects.filter(project=project, key=key).first()
    if row is None:
        raise Http404("Variable")
    return row


@api.get("/projects/{project_id}/variables/{key}")
def get_variable(request: HttpRequest, project_id: str, key: str) -> dict[str, Any]:
    return _variable_json(_one_variable(request, project_id, key))


@api.put("/projects/{project_id}/variables/{key}")
def change_variable(request: HttpRequest, project_id: str, key: str, body: ChangedVariable) -> dict[str, Any]:
    row = _one_variable(request, project_id, key)
    for name, value in body.dict(exclude_unset=True).items():
        setattr(row, name, value)
    if row.masked:
        _check_maskable(row.value)
    row.save()
    return _variable_json(row)


@api.delete("/projects/{project_id}/variables/{key}", response={204: None})
def delete_variable(request: HttpRequest, project_id: str, key: str) -> tuple[int, None]:
    _one_variable(request, project_id, key).delete()
    return 204, None


def _pipeline_json(pipeline: Pipeline) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    project = pipeline.project
    errors = "\n".join(f"{e['file']}:{e['line']}: {e['message']}" for e in pipeline.errors)
    duration = None
    if pipeline.started_at and pipeline.finished_at:
        duration = int((pipeline.finished_at - pipeline.started_at).total_seconds())
    return {
        "id": pipeline.pk,
        "iid": pipeline.iid,
        "project_id": project.pk,
        "name": pipeline.name or None,
        "ref": pipeline.ref,
        "tag": pipeline.ref_type == "tag",
        "sha": pipeline.sha,
        "before_sha": pipeline.before_sha,
        "status": pipeline.status,
        "source": pipeline.source,
        "yaml_errors": errors or None,
        "created_at": pipeline.created_at,
        "updated_at": pipeline.updated_at,
        "started_at": pipeline.started_at,
        "finished_at": pipeline.finished_at,
        "duration": duration,
        "user": {"id": pipeline.user.pk, "username": pipeline.user.username} if pipeline.user else None,
        "web_url": f"{base}/{project.path_with_namespace}/-/pipelines/{pipeline.pk}",
    }


class PipelineFilter(Schema):
    sha: str = ""
    ref: str = ""
    status: str = ""
    page: int = 1
    per_page: int = 20


@api.get("/projects/{project_id}/pipelines")
def list_pipelines(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[PipelineFilter]
) -> list[dict[str, Any]]:
    rows = Pipeline.objects.select_related("project", "user").filter(project=_project(request, project_id))
    for name in ("sha", "ref", "status"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    return [
        _pipeline_json(row)
        for row in _page(request, rows.order_by("-id"), response, filters.page, filters.per_page)
    ]


class NewPipeline(Schema):
    ref: Annotated[str, Field(min_length=1, max_length=255)]


@api.post("/projects/{project_id}/pipeline", response={201: dict[str, Any]})
def run_pipeline(request: HttpRequest, project_id: str, body: NewPipeline) -> tuple[int, dict[str, Any]]:
    project = _project(request, project_id, access.PUSH)
    sha = services().repositories.branches(project.pk).get(body.ref)
    if sha is None:
        raise HttpError(400, "{'base': ['Reference not found']}")
    created = create_pipeline(project, RefUpdate(body.ref, "branch", ZERO, sha), _me(request), source="api")
    if created.pipeline is None:
        raise HttpError(400, f"{{'base': ['{created.why_not}']}}")
    return 201, _pipeline_json(created.pipeline)


def _pipeline(request: HttpRequest, project_id: str, pipeline_id: int, level: int = access.GUEST) -> Pipeline:
    project = _project(request, project_id, level)
    pipeline = (
        Pipeline.objects.select_related("project", "user").filter(project=project, pk=pipeline_id).first()
    )
    if pipeline is None:
        raise Http404("Pipeline")
    return pipeline


@api.get("/projects/{project_id}/pipelines/{pipeline_id}")
def get_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    return _pipeline_json(_pipeline(request, project_id, pipeline_id))


@api.post("/projects/{project_id}/pipelines/{pipeline_id}/cancel")
def cancel_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    pipeline = _pipeline(request, project_id, pipeline_id, access.PUSH)
    pipelines.cancel_pipeline(pipeline)
    pipeline.refresh_from_db()
    return _pipeline_json(pipeline)


def _job_json(job: Job) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    duration = (
        (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    )
    queued = (job.started_at - job.queued_at).total_seconds() if job.started_at and job.queued_at else None
    pipeline = job.pipeline
    return {
        "id": job.pk,
        "name": job.name,
        "stage": job.stage,
        "status": job.status,
        "ref": pipeline.ref,
        "tag": pipeline.ref_type == "tag",
        "allow_failure": job.allow_failure,
        "created_at": job.created_at,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "duration": duration,
        "queued_duration": queued,
        "failure_reason": job.failure_reason or None,
        "exit_code": job.exit_code,
        "status_reason": job.reason,
        "pipeline": {
            "id": pipeline.pk,
            "project_id": job.project_id,
            "ref": pipeline.ref,
            "sha": pipeline.sha,
            "status": pipeline.status,
        },
        "runner": {"id": job.runner.pk, "description": job.runner.description} if job.runner else None,
        "artifacts": [
            {
                "file_type": one.file_type,
                "size": one.size,
                "filename": one.filename,
                "file_format": one.file_format,
            }
            for one in job.artifacts.all()
        ],
        "web_url": f"{base}/{job.project.path_with_namespace}/-/jobs/{job.pk}",
    }


def _jobs(**filters: Any) -> Any:
    related = Job.objects.select_related("pipeline", "project", "runner").prefetch_related("artifacts")
    return related.filter(**filters)


@api.get("/projects/{project_id}/pipelines/{pipeline_id}/jobs")
def list_pipeline_jobs(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    pipeline_id: int,
    include_retried: bool = False,
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    rows = _jobs(pipeline=_pipeline(request, project_id, pipeline_id)).order_by("stage_index", "id")
    if not include_retried:
        rows = rows.filter(retried=False)
    return [_job_json(job) for job in _page(request, rows, response, page, per_page)]


@api.get("/projects/{project_id}/jobs")
def list_jobs(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    rows = _jobs(project=_project(request, project_id)).order_by("-id")
    return [_job_json(job) for job in _page(request, rows, response, page, per_page)]


def _job(request: HttpRequest, project_id: str, job_id: int, level: int = access.GUEST) -> Job:
    job: Job | None = _jobs(project=_project(request, project_id, level), pk=job_id).first()
    if job is None:
        raise Http404("Job")
    return job


@api.get("/projects/{project_id}/jobs/{job_id}")
def get_job(request: HttpRequest, project_id: str, job_id: int) -> dict[str, Any]:
    return _job_json(_job(request, project_id, job_id))


@api.get("/projects/{project_id}/jobs/{job_id}/trace")
def get_trace(request: HttpRequest, project_id: str, job_id: int) -> HttpResponse:
    job = _job(request, project_id, job_id)
    return HttpResponse(
        jobs.notice_lines(job) + jobs.read_trace(job), content_type="text/plain; charset=utf-8"
    )


@api.get("/projects/{project_id}/jobs/{job_id}/artifacts")
def get_artifacts(request: HttpRequest, project_id: str, job_id: int) -> HttpResponse:
    job = _job(request, project_id, job_id)
    artifact = JobArtifact.objects.filter(job=job, file_type="archive").first()
    if artifact is None:
        raise Http404("Artifacts")
    path = services().data.coordinator / "artifacts" / artifact.file
    response = HttpResponse(path.read_bytes(), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{artifact.filename}"'
    return response


def _act(request: HttpRequest, project_id: str, job_id: int, action: str) -> dict[str, Any]:
    job = _job(request, project_id, job_id, access.PUSH)
    try:
        if action == "cancel":
            pipelines.cancel_job(job)
            pipelines.advance_pipeline(job.pipeline_id)
        elif action == "retry":
            job = pipelines.retry_job(job)
        else:
            pipelines.play_job(job)
    except RefusedChange as error:
        raise HttpError(403 if action == "retry" else 400, str(error)) from error
    return _job_json(_jobs(pk=job.pk).get())


@api.post("/projects/{project_id}/jobs/{job_id}/cancel", response={201: dict[str, Any]})
def cancel_job(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, dict[str, Any]]:
    return 201, _act(request, project_id, job_id, "cancel")


@api.post("/projects/{project_id}/jobs/{job_id}/retry", response={201: dict[str, Any]})
def retry_job(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, dict[str, Any]]:
    return 201, _act(request, project_id, job_id, "retry")


@api.post("/projects/{project_id}/jobs/{job_id}/play")
def play_job(request: HttpRequest, project_id: str, job_id: int) -> dict[str, Any]:
    return _act(request, project_id, job_id, "play")


@api.get("/projects/{project_id}/repository/branches")
def list_branches(request: HttpRequest, project_id: str) -> list[dict[str, Any]]:
    project = _project(request, project_id, access.READ_CODE)
    return [
        {
            "name": name,
            "commit": {"id": sha, "short_id": sha[:8]},
            "protected": project.protects(name),
            "default": name == project.default_branch,
        }
        for name, sha in services().repositories.branches(project.pk).items()
    ]


class NewRunner(Schema):
    runner_type: str = "instance_type"
    project_id: int | None = None
    description: Annotated[str, Field(max_length=255)] = ""
    tag_list: list[str] | str = ""
    run_untagged: bool = True
    paused: bool = False
    access_level: str = "not_protected"
    maximum_timeout: Annotated[int, Field(ge=600)] | None = None


@api.post("/user/runners", response={201: dict[str, Any]})
def new_runner(request: HttpRequest, body: NewRunner) -> tuple[int, dict[str, Any]]:
    me = _me(request)
    project = None
    if body.runner_type == "project_type":
        project = _project(request, str(body.project_id), access.ADMINISTER)
    elif not me.is_superuser:
        raise HttpError(403, "403 Forbidden")
    listed = body.tag_list if isinstance(body.tag_list, list) else body.tag_list.split(",")
    tags = [tag.strip() for tag in listed if tag.strip()]
    if not tags and not body.run_untagged:
        raise HttpError(
            400, "{'tags_list': ['can not be empty when runner is not allowed to pick untagged jobs']}"
        )
    token = tokens.fresh(tokens.RUNNER)
    runner = Runner.objects.create(
        token_hash=tokens.digest(token),
        short_token=token.removeprefix(tokens.RUNNER)[:9],
        description=body.description,
        project=project,
        tags=tags,
        run_untagged=body.run_untagged,
        protected_only=body.access_level == "ref_protected",
        paused=body.paused,
        maximum_timeout=body.maximum_timeout,
    )
    return 201, {"id": runner.pk, "token": token, "token_expires_at": None}


@api.get("/runners/all")
def list_runners(
    request: HttpRequest, response: HttpResponse, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    if not _me(request).is_superuser:
        raise HttpError(403, "403 Forbidden")
    rows = _page(request, Runner.objects.order_by("id"), response, page, per_page)
    return [
        {
            "id": runner.pk,
            "description": runner.description,
            "paused": runner.paused,
            "active": not runner.paused,
            "is_shared": runner.project_id is None,
            "runner_type": "project_type" if runner.project_id else "instance_type",
            "tag_list": runner.tags,
            "contacted_at": runner.contacted_at,
        }
        for runner in rows
    ]


@csrf_exempt
def unknown(request: HttpRequest, path: str = "") -> HttpResponse:
    """Whatever is not an endpoint."""
    return HttpResponse('{"error":"404 Not Found"}', status=404, content_type="application/json")
