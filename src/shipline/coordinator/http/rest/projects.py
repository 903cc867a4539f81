"""Projects."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.http.rest.lookup import administrator, find_project, me, page_of
from shipline.coordinator.models import Project
from shipline.coordinator.projects import InvalidProject, create_project
from shipline.coordinator.services import services

router = Router()


class NewProject(Schema):
    name: Annotated[str, Field(max_length=255)] = ""
    path: Annotated[str, Field(max_length=255)] = ""
    namespace_path: Annotated[str, Field(max_length=255)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""
    visibility: str = "private"
    default_branch: Annotated[str, Field(max_length=255)] = "main"


def project_json(project: Project) -> dict[str, Any]:
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
        "auto_cancel_pending_pipelines": project.auto_cancel_pending_pipelines,
        "ci_pipeline_variables_minimum_override_role": project.ci_pipeline_variables_minimum_override_role,
        "merge_method": project.merge_method,
    }


@router.get("/projects")
def list_projects(
    request: HttpRequest, response: HttpResponse, page: int = 1, per_page: int = 20, search: str = ""
) -> list[dict[str, Any]]:
    rows = Project.objects.order_by("-id")
    if search:
        rows = rows.filter(path_with_namespace__icontains=search)
    caller = me(request)
    if not caller.is_superuser:
        visible = [project.pk for project in rows if access.may_read(caller, project)]
        rows = rows.filter(pk__in=visible)
    return [project_json(project) for project in page_of(request, rows, response, page, per_page)]


@router.post("/projects", response={201: dict[str, Any]})
def new_project(request: HttpRequest, body: NewProject) -> tuple[int, dict[str, Any]]:
    caller = administrator(request)
    path = body.path or body.name
    try:
        project = create_project(
            body.namespace_path or caller.username,
            path,
            name=body.name,
            description=body.description,
            visibility=body.visibility,
            default_branch=body.default_branch,
        )
    except InvalidProject as error:
        raise HttpError(400, str(error)) from error
    return 201, project_json(project)


@router.get("/projects/{project_id}")
def get_project(request: HttpRequest, project_id: str) -> dict[str, Any]:
    return project_json(find_project(request, project_id))


class ChangedProject(Schema):
    auto_cancel_pending_pipelines: Literal["enabled", "disabled"] | None = None
    ci_pipeline_variables_minimum_override_role: (
        Literal["developer", "maintainer", "owner", "no_one_allowed"] | None
    ) = None
    merge_method: Literal["merge", "ff"] | None = None


@router.put("/projects/{project_id}")
def edit_project(request: HttpRequest, project_id: str, body: ChangedProject) -> dict[str, Any]:
    project = find_project(request, project_id, access.ADMINISTER)
    for name, value in body.dict(exclude_none=True).items():
        setattr(project, name, value)
    project.save()
    return project_json(project)
