"""Which runners a project has, and which jobs a runner has run."""

from __future__ import annotations

from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.jobs import jobs_json
from shipline.coordinator.http.rest.lookup import Invalid, find_group, find_project, me, page_of
from shipline.coordinator.http.rest.runners import (
    RunnerFilter,
    find_runner,
    owner_of,
    registration_token,
    runner_details,
    runner_json,
)
from shipline.coordinator.matching import GROUP, INSTANCE
from shipline.coordinator.models import Job, Project, Runner
from shipline.coordinator.models.group import paths_above
from shipline.coordinator.services import services

router = Router()


@router.get("/projects/{project_id}/runners")
def list_project_runners(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[RunnerFilter]
) -> list[dict[str, Any]]:
    """Its own, those of the groups that it lies in, and those of the instance, which serve every project."""
    project = find_project(request, project_id, access.ADMINISTER)
    above = Q(group__full_path__in=paths_above(project.path_with_namespace))
    serving = Runner.objects.filter(Q(projects=project) | above | Q(runner_type=INSTANCE)).distinct()
    rows = filters.of(serving.select_related("creator"))
    return [runner_json(row) for row in page_of(request, rows, response, filters.page, filters.per_page)]


@router.get("/groups/{group_id}/runners")
def list_group_runners(
    request: HttpRequest, response: HttpResponse, group_id: str, filters: Query[RunnerFilter]
) -> list[dict[str, Any]]:
    """Its own, those of the groups that it lies in, and those of the instance."""
    group = find_group(request, group_id, access.OWNER)
    above = Q(group__full_path__in=[*paths_above(group.full_path), group.full_path])
    rows = filters.of(Runner.objects.filter(above | Q(runner_type=INSTANCE)).select_related("creator"))
    return [runner_json(row) for row in page_of(request, rows, response, filters.page, filters.per_page)]


class EnabledRunner(Schema):
    runner_id: int


@router.post("/projects/{project_id}/runners", response={201: dict[str, Any]})
def enable_runner(request: HttpRequest, project_id: str, body: EnabledRunner) -> tuple[int, dict[str, Any]]:
    """A project runner for one more project; the caller maintains both."""
    project = find_project(request, project_id, access.ADMINISTER)
    runner = Runner.objects.filter(pk=body.runner_id).first()
    if runner is None:
        raise Http404("Runner")
    if runner.runner_type == INSTANCE:
        raise HttpError(403, "403 Forbidden - Runner is an instance runner: it serves every project already")
    if runner.runner_type == GROUP:
        raise HttpError(403, "403 Forbidden - Runner is a group runner: it serves the projects of its group")
    if runner.locked:
        raise HttpError(403, "403 Forbidden - Runner is locked")
    find_runner(request, runner.pk)
    try:
        with transaction.atomic():
            Runner.projects.through.objects.create(runner=runner, project=project)
    except IntegrityError as error:
        raise Invalid("runner_id", "has already been taken") from error
    services().events.tell("queue")
    return 201, runner_details(runner)


@router.post("/projects/{project_id}/runners/reset_registration_token", response={201: dict[str, Any]})
def reset_registration_token(request: HttpRequest, project_id: str) -> tuple[int, dict[str, Any]]:
    return 201, registration_token(find_project(request, project_id, access.ADMINISTER))


@router.delete("/projects/{project_id}/runners/{runner_id}", response={204: None})
def disable_runner(request: HttpRequest, project_id: str, runner_id: int) -> tuple[int, None]:
    project = find_project(request, project_id, access.ADMINISTER)
    runner = Runner.objects.filter(pk=runner_id, projects=project).first()
    if runner is None:
        raise Http404("Runner")
    if owner_of(runner) == project:
        raise HttpError(403, "403 Forbidden - it belongs to this project: delete the runner instead")
    runner.projects.remove(project)
    return 204, None


class RunnerJobsFilter(Schema):
    status: Literal["running", "success", "failed", "canceled"] | None = None
    system_id: str = ""
    sort: Literal["asc", "desc"] = "desc"
    page: int = 1
    per_page: int = 20


@router.get("/runners/{runner_id}/jobs")
def list_runner_jobs(
    request: HttpRequest, response: HttpResponse, runner_id: int, filters: Query[RunnerJobsFilter]
) -> list[dict[str, Any]]:
    """Those in projects that the caller may see."""
    runner = find_runner(request, runner_id)
    related = Job.objects.select_related("pipeline", "project", "runner").prefetch_related("artifacts")
    rows = related.filter(runner=runner).order_by("id" if filters.sort == "asc" else "-id")
    if filters.status is not None:
        rows = rows.filter(status=filters.status)
    if filters.system_id:
        rows = rows.filter(runner_manager__system_id=filters.system_id)
    caller = me(request)
    if not caller.is_superuser:
        used = Project.objects.filter(pk__in=rows.order_by().values("project"))
        visible = [project for project in used if access.may(caller, project, Ability.READ_PIPELINE)]
        rows = rows.filter(project__in=visible)
    found = page_of(request, rows, response, filters.page, filters.per_page)
    return [
        shown | {"project": _project_json(job)} for job, shown in zip(found, jobs_json(found), strict=True)
    ]


def _project_json(job: Job) -> dict[str, Any]:
    project = job.project
    return {
        "id": project.pk,
        "name": project.name,
        "path": project.path,
        "path_with_namespace": project.path_with_namespace,
    }
