"""Trigger jobs of a pipeline, with the pipelines that they have started."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.jobs import JobFilter, job_json
from shipline.coordinator.http.rest.lookup import reader
from shipline.coordinator.http.rest.pipelines import find_pipeline, pipeline_json
from shipline.coordinator.models import Job, Pipeline

router = Router(auth=AnybodyReads())


@router.get("/projects/{project_id}/pipelines/{pipeline_id}/bridges")
def list_bridges(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    pipeline_id: int,
    filters: Query[JobFilter],
) -> list[dict[str, Any]]:
    pipeline = find_pipeline(request, project_id, pipeline_id)
    rows = Job.objects.select_related("pipeline", "project", "runner").prefetch_related("artifacts")
    rows = rows.filter(pipeline=pipeline, bridge=True, retried=False).order_by("stage_index", "id")
    found = filters.page_of(request, rows, response)
    started = Pipeline.objects.select_related("project", "user").filter(upstream_job__in=found)
    by_job = {one.upstream_job_id: one for one in started.order_by("pk")}
    shown = {pk: pipeline_json(one) for pk, one in by_job.items() if _may_see(request, one)}
    return [job_json(job) | {"downstream_pipeline": shown.get(job.pk)} for job in found]


def _may_see(request: HttpRequest, pipeline: Pipeline) -> bool:
    """It may lie in a project that the caller knows nothing of."""
    return access.may(reader(request), pipeline.project, Ability.READ_PIPELINE)
