"""Pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, actions, protections
from shipline.coordinator.access import Ability
from shipline.coordinator.asked import Asked, Created, RefUpdate
from shipline.coordinator.coverage import pipeline_coverage
from shipline.coordinator.deletion import delete_pipeline
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.lookup import Invalid, find_project, me, page_of
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import Pipeline
from shipline.coordinator.permissions import NotAllowed, check_may_give, check_may_run
from shipline.coordinator.pipelines import create_pipeline
from shipline.coordinator.progress import VARIABLES
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.model.variable import Variable

router = Router(auth=AnybodyReads())
VARIABLES_LIMIT = 200


def pipeline_json(pipeline: Pipeline) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    project = pipeline.project
    errors = "\n".join(f"{e['file']}:{e['line']}: {e['message']}" for e in pipeline.errors)
    path = f"{project.path_with_namespace}/-/pipelines/{pipeline.pk}"
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
        "status_reason": pipeline.reason or None,
        "yaml_errors": errors or None,
        "created_at": pipeline.created_at,
        "updated_at": pipeline.updated_at,
        "started_at": pipeline.started_at,
        "finished_at": pipeline.finished_at,
        "duration": duration,
        "queued_duration": _queued(pipeline),
        "committed_at": None,
        "archived": False,
        "user": user_json(pipeline.user) if pipeline.user else None,
        "web_url": f"{base}/{path}",
        "detailed_status": {
            "icon": f"status_{pipeline.status}",
            "text": pipeline.status,
            "label": pipeline.status,
            "group": pipeline.status,
            "tooltip": pipeline.status,
            "has_details": True,
            "details_path": f"/{path}",
            "illustration": None,
            "favicon": None,
        },
    }


def _queued(pipeline: Pipeline) -> int | None:
    """Seconds until the first of its jobs ran."""
    started = pipeline.started_at
    return int((started - pipeline.created_at).total_seconds()) if started is not None else None


def aware(at: datetime | None) -> datetime | None:
    """A moment without a zone is meant in UTC."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


Status = Literal[
    "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "success",
    "failed", "canceling", "canceled", "skipped", "manual", "scheduled",
]  # fmt: skip
Source = Literal[
    "push", "web", "trigger", "schedule", "api", "external", "pipeline", "chat", "webide",
    "merge_request_event", "external_pull_request_event", "parent_pipeline", "ondemand_dast_scan",
    "ondemand_dast_validation", "security_orchestration_policy", "container_registry_push",
]  # fmt: skip
_SCOPES: Mapping[str, Any] = {
    "running": {"status__in": ("running", "canceling")},
    "pending": {"status__in": ("created", "waiting_for_resource", "preparing", "pending")},
    "finished": {"status__in": ("success", "failed", "canceled")},
    "branches": {"ref_type": "branch"},
    "tags": {"ref_type": "tag"},
}


class PipelineFilter(Schema):
    """Child pipelines are listed when they are asked for by their source alone, as with GitLab."""

    scope: Literal["running", "pending", "finished", "branches", "tags"] | None = None
    sha: str = ""
    ref: str = ""
    status: Status | None = None
    source: Source | None = None
    name: str = ""
    username: str = ""
    yaml_errors: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    order_by: Literal["id", "status", "ref", "updated_at", "user_id"] = "id"
    sort: Literal["asc", "desc"] = "desc"
    page: int = 1
    per_page: int = 20

    def of(self, rows: QuerySet[Pipeline]) -> QuerySet[Pipeline]:
        if self.source is None:
            rows = rows.exclude(source="parent_pipeline")
        if self.scope in ("branches", "tags"):
            # Of each branch or tag the newest one.
            newest = rows.filter(**_SCOPES[self.scope]).order_by().values("ref")
            rows = rows.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
        elif self.scope is not None:
            rows = rows.filter(**_SCOPES[self.scope])
        conditions = {
            "sha": self.sha or None,
            "ref": self.ref or None,
            "status": self.status,
            "source": self.source,
            "name": self.name or None,
            "user__username": self.username or None,
            "created_at__gt": aware(self.created_after),
            "created_at__lt": aware(self.created_before),
            "updated_at__gt": aware(self.updated_after),
            "updated_at__lt": aware(self.updated_before),
        }
        rows = rows.filter(**{name: value for name, value in conditions.items() if value is not None})
        if self.yaml_errors is not None:
            rows = rows.exclude(errors=[]) if self.yaml_errors else rows.filter(errors=[])
        minus = "-" if self.sort == "desc" else ""
        return rows.order_by(f"{minus}{self.order_by}", f"{minus}id")


@router.get("/projects/{project_id}/pipelines")
def list_pipelines(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[PipelineFilter]
) -> list[dict[str, Any]]:
    rows = Pipeline.objects.select_related("project", "user").filter(
        project=find_project(request, project_id, Ability.READ_PIPELINE)
    )
    found = page_of(request, filters.of(rows), response, filters.page, filters.per_page)
    return [pipeline_json(row) for row in found]


class PipelineVariable(Schema):
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
    value: Annotated[str, Field(max_length=100_000)] = ""
    variable_type: Annotated[str, Field(pattern="^(env_var|file)$")] = "env_var"

    def variable(self) -> Variable:
        return Variable(self.key, self.value, public=False, file=self.variable_type == "file")


class NewPipeline(Schema):
    """`ref` is a branch or tag, `inputs` are for the configuration's `spec:inputs`."""

    ref: Annotated[str, Field(min_length=1, max_length=255)]
    variables: list[PipelineVariable] = Field(default_factory=list, max_length=VARIABLES_LIMIT)
    inputs: dict[str, Any] = Field(default_factory=dict)


@router.post("/projects/{project_id}/pipeline", response={201: dict[str, Any]})
def run_pipeline(request: HttpRequest, project_id: str, body: NewPipeline) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.PUSH)
    found = services().repositories.ref(project.pk, body.ref)
    if found is None:
        raise Invalid("base", "Reference not found")
    ref_type, sha = found
    name = body.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    variables = tuple(one.variable() for one in body.variables)
    try:
        check_may_run(me(request), project, ref_type, name)
        check_may_give(me(request), project, variables)
    except NotAllowed as error:
        raise Invalid("base", str(error)) from error
    asked = Asked(variables=variables, inputs=body.inputs)
    created = create_pipeline(project, RefUpdate(name, ref_type, ZERO, sha), me(request), "api", asked)
    return 201, created_json(created)


def created_json(created: Created) -> dict[str, Any]:
    """The pipeline; raises Invalid when there is none."""
    if created.pipeline is None:
        raise Invalid("base", "; ".join([created.why_not, *created.details]))
    return pipeline_json(created.pipeline)


@router.get("/projects/{project_id}/pipelines/{pipeline_id}/variables")
def list_variables(request: HttpRequest, project_id: str, pipeline_id: int) -> list[dict[str, Any]]:
    """What the pipeline was started with. What came from a masked variable stays hidden."""
    pipeline = find_pipeline(request, project_id, pipeline_id, access.PUSH)
    return [
        {
            "key": one.key,
            "value": "[MASKED]" if one.masked else one.value,
            "variable_type": "file" if one.file else "env_var",
            "raw": one.raw,
        }
        for one in VARIABLES.validate_python(pipeline.variables)
    ]


@router.get("/projects/{project_id}/pipelines/latest")
def latest_pipeline(request: HttpRequest, project_id: str, ref: str = "") -> dict[str, Any]:
    """The newest one of the newest commit of a ref; the default branch when none is given."""
    project = find_project(request, project_id, Ability.READ_PIPELINE)
    rows = Pipeline.objects.select_related("project", "user").exclude(source="parent_pipeline")
    newest = rows.filter(project=project, ref=ref or project.default_branch).order_by("-id").first()
    if newest is None:
        raise HttpError(403, "403 Forbidden")
    return pipeline_json(newest)


def find_pipeline(
    request: HttpRequest, project_id: str, pipeline_id: int, needed: int | Ability = Ability.READ_PIPELINE
) -> Pipeline:
    project = find_project(request, project_id, needed)
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


def _check_may_run(request: HttpRequest, pipeline: Pipeline) -> None:
    if not protections.may_run(me(request), pipeline):
        raise HttpError(403, "403 Forbidden")


@router.post("/projects/{project_id}/pipelines/{pipeline_id}/cancel")
def cancel_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    pipeline = find_pipeline(request, project_id, pipeline_id, access.PUSH)
    _check_may_run(request, pipeline)
    actions.cancel_pipeline(pipeline)
    pipeline.refresh_from_db()
    return pipeline_json(pipeline)


@router.post("/projects/{project_id}/pipelines/{pipeline_id}/retry", response={201: dict[str, Any]})
def retry_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> tuple[int, dict[str, Any]]:
    pipeline = find_pipeline(request, project_id, pipeline_id, access.PUSH)
    _check_may_run(request, pipeline)
    actions.retry_pipeline(pipeline)
    pipeline.refresh_from_db()
    return 201, pipeline_json(pipeline)


@router.delete("/projects/{project_id}/pipelines/{pipeline_id}", response={204: None})
def remove_pipeline(request: HttpRequest, project_id: str, pipeline_id: int) -> tuple[int, None]:
    """With its jobs, logs and artifacts; owners may."""
    delete_pipeline(find_pipeline(request, project_id, pipeline_id, Ability.DELETE_PIPELINE))
    return 204, None
