"""Deployments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.entities import environment_basic
from shipline.coordinator.http.rest.jobs import job_json
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import Deployment, Project
from shipline.pipeline.deployments import DeploymentStatus

router = Router()
_RELATED = (
    "environment", "user", "deployable", "deployable__pipeline", "deployable__project", "deployable__runner",
    "deployable__environment",
)  # fmt: skip


def deployment_json(deployment: Deployment) -> dict[str, Any]:
    job = deployment.deployable
    return {
        "id": deployment.pk,
        "iid": deployment.iid,
        "ref": deployment.ref,
        "tag": deployment.tag,
        "sha": deployment.sha,
        "status": deployment.status,
        "created_at": deployment.created_at,
        "updated_at": deployment.updated_at,
        "finished_at": deployment.finished_at,
        "user": user_json(deployment.user) if deployment.user is not None else None,
        "environment": environment_basic(deployment.environment),
        "deployable": job_json(job) if job is not None else None,
    }


class DeploymentFilter(Schema):
    order_by: Literal["id", "iid", "created_at", "updated_at", "finished_at", "ref"] = "id"
    sort: Literal["asc", "desc"] = "asc"
    environment: str = ""
    status: DeploymentStatus | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    finished_after: datetime | None = None
    finished_before: datetime | None = None
    page: int = 1
    per_page: int = 20

    def conditions(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "environment__name": self.environment or None,
            "status": self.status,
            "updated_at__gte": _aware(self.updated_after),
            "updated_at__lte": _aware(self.updated_before),
            "finished_at__gte": _aware(self.finished_after),
            "finished_at__lt": _aware(self.finished_before),
        }
        return {name: value for name, value in wanted.items() if value is not None}


def _aware(at: datetime | None) -> datetime | None:
    """A moment without a zone is meant in UTC."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


@router.get("/projects/{project_id}/deployments")
def list_deployments(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[DeploymentFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_ENVIRONMENT)
    rows = Deployment.objects.select_related(*_RELATED).prefetch_related("deployable__artifacts")
    minus = "-" if filters.sort == "desc" else ""
    found = rows.filter(project=project, **filters.conditions()).order_by(
        f"{minus}{filters.order_by}", f"{minus}id"
    )
    page = page_of(request, found, response, filters.page, filters.per_page)
    return [_shown(request, project, row) for row in page]


def _shown(request: HttpRequest, project: Project, row: Deployment) -> dict[str, Any]:
    """With its job for those who may see jobs."""
    shown = deployment_json(row)
    if not access.may(me(request), project, Ability.READ_PIPELINE):
        shown["deployable"] = None
    return shown


@router.get("/projects/{project_id}/deployments/{deployment_id}")
def get_deployment(request: HttpRequest, project_id: str, deployment_id: int) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_ENVIRONMENT)
    found = Deployment.objects.select_related(*_RELATED).filter(project=project, pk=deployment_id).first()
    if found is None:
        raise Http404("Deployment")
    return _shown(request, project, found)
