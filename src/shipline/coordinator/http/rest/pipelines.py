"""Pipelines."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from shipline.coordinator import access, actions
from shipline.coordinator.coverage import pipeline_coverage
from shipline.coordinator.http.rest.lookup import Invalid, find_project, me, page_of
from shipline.coordinator.models import Pipeline
from shipline.coordinator.pipelines import RefUpdate, create_pipeline
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services

router = Router()


def pipeline_json(pipeline: Pipeline) -> dict[str, Any]:
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


@router.get("/projects/{project_id}/pipelines")
def list_pipelines(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[PipelineFilter]
) -> list[dict[str, Any]]:
    rows = Pipeline.objects.select_related("project", "user").filter(
        project=find_project(request, project_id)
    )
    for name in ("sha", "ref", "status"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    return [
        pipeline_json(row)
        for row in page_of(request, rows.order_by("-id"), response, filters.page, filters.per_page)
    ]


class NewPipeline(Schema):
    ref: Annotated[str, Field(min_length=1, max_length=255)]


@router.post("/projects/{project_id}/pipeline", response={201: dict[str, Any]})
def run_pipeline(request: HttpRequest, project_id: str, body: NewPipeline) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.PUSH)
    sha = services().repositories.branches(project.pk).get(body.ref)
    if sha is None:
        raise Invalid("base", "Reference not found")
    created = create_pipeline(project, RefUpdate(body.ref, "branch", ZERO, sha), me(request), source="api")
    if created.pipeline is None:
        raise Invalid("base", created.why_not)
    return 201, pipeline_json(created.pipeline)


def find_pipeline(
    request: HttpRequest, project_id: str, pipeline_id: int, level: int = access.GUEST
) -> Pipeline:
    project = find_project(request, project_id, level)
    pipeline = (
        Pipeline.objects.select_related("project", "user").filter(project=project, pk=pipeline_id).first()
    )
    if pipeline is None:
        raise Http404("Pipeline")
    return pipeline


@router.get("/projects/{project_id}/pipelines/{pipeline_id}")
def get_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    pipeline = find_pipeline(request, project_id, pipeline_id)
    jobs = pipeline.jobs.filter(retried=False).values_list("coverage", flat=True)
    mean = pipeline_coverage(jobs)
    return pipeline_json(pipeline) | {"coverage": None if mean is None else f"{mean:.2f}"}


@router.post("/projects/{project_id}/pipelines/{pipeline_id}/cancel")
def cancel_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    pipeline = find_pipeline(request, project_id, pipeline_id, access.PUSH)
    actions.cancel_pipeline(pipeline)
    pipeline.refresh_from_db()
    return pipeline_json(pipeline)


@router.post("/projects/{project_id}/pipelines/{pipeline_id}/retry", response={201: dict[str, Any]})
def retry_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> tuple[int, dict[str, Any]]:
    pipeline = find_pipeline(request, project_id, pipeline_id, access.PUSH)
    actions.retry_pipeline(pipeline)
    pipeline.refresh_from_db()
    return 201, pipeline_json(pipeline)
