"""Resource groups: who has the resource, who waits for it, in which order."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema

from shipline.coordinator import access, resource_groups
from shipline.coordinator.http.rest.jobs import job_json
from shipline.coordinator.http.rest.lookup import find_project, page_of
from shipline.coordinator.models import Job, ResourceGroup
from shipline.pipeline.resources import ProcessMode

router = Router()


def resource_group_json(group: ResourceGroup) -> dict[str, Any]:
    names = ("id", "key", "process_mode", "created_at", "updated_at")
    return {name: getattr(group, name) for name in names}


@router.get("/projects/{project_id}/resource_groups")
def list_resource_groups(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    rows = ResourceGroup.objects.filter(project=find_project(request, project_id, access.READ_CODE))
    return [
        resource_group_json(row) for row in page_of(request, rows.order_by("id"), response, page, per_page)
    ]


def _find(request: HttpRequest, project_id: str, key: str, level: int = access.READ_CODE) -> ResourceGroup:
    project = find_project(request, project_id, level)
    found = ResourceGroup.objects.filter(project=project, key=key).first()
    if found is None:
        raise Http404("Resource group")
    return found


# A key may hold slashes, so what stands behind it is looked for first.
@router.get("/projects/{project_id}/resource_groups/{path:key}/current_job")
def current_job(request: HttpRequest, project_id: str, key: str) -> dict[str, Any] | None:
    """null while nobody has the resource."""
    group = _find(request, project_id, key)
    related = Job.objects.select_related("pipeline", "project", "runner", "environment")
    return job_json(related.get(pk=group.holder_id)) if group.holder_id is not None else None


@router.get("/projects/{project_id}/resource_groups/{path:key}/upcoming_jobs")
def upcoming_jobs(
    request: HttpRequest, response: HttpResponse, project_id: str, key: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    found = resource_groups.upcoming_jobs(_find(request, project_id, key))
    return [job_json(job) for job in page_of(request, _Rows(found), response, page, per_page)]


class _Rows(list[Job]):
    """A list that is asked for its length as a query is."""

    def count(self, *_: Any) -> int:
        return len(self)


@router.get("/projects/{project_id}/resource_groups/{path:key}")
def get_resource_group(request: HttpRequest, project_id: str, key: str) -> dict[str, Any]:
    return resource_group_json(_find(request, project_id, key))


class ChangedResourceGroup(Schema):
    process_mode: ProcessMode | None = None


@router.put("/projects/{project_id}/resource_groups/{path:key}")
def change_resource_group(
    request: HttpRequest, project_id: str, key: str, body: ChangedResourceGroup
) -> dict[str, Any]:
    group = _find(request, project_id, key, access.PUSH)
    if body.process_mode is not None:
        resource_groups.change_mode(group, body.process_mode)
    return resource_group_json(group)
