"""Pipeline schedules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, schedules
from shipline.coordinator.access import Ability
from shipline.coordinator.cron import InvalidSchedule
from shipline.coordinator.http.rest.lookup import Invalid, find_project, me, page_of
from shipline.coordinator.http.rest.pipelines import pipeline_json
from shipline.coordinator.models import PipelineSchedule
from shipline.coordinator.permissions import NotAllowed, check_may_run
from shipline.coordinator.services import services

router = Router()
LIMIT = 10  # of a project, as GitLab has it
VARIABLES_LIMIT = 200
Text = Annotated[str, Field(min_length=1, max_length=255)]
Zone = Annotated[str, Field(max_length=64)]


def schedule_json(row: PipelineSchedule, *, details: bool = False) -> dict[str, Any]:
    owner = row.owner
    shown = {
        "id": row.pk,
        "description": row.description,
        "ref": row.ref,
        "cron": row.cron,
        "cron_timezone": row.cron_timezone,
        "next_run_at": row.next_run_at,
        "active": row.active,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "last_problem": row.last_problem or None,
        "owner": {"id": owner.pk, "username": owner.username, "name": owner.first_name} if owner else None,
    }
    if not details:
        return shown
    last = row.pipelines.order_by("-pk").first()
    return shown | {
        "last_pipeline": {"id": last.pk, "sha": last.sha, "ref": last.ref, "status": last.status}
        if last
        else None,
        "variables": row.variables,
        "inputs": [{"name": name, "value": value} for name, value in row.inputs.items()],
    }


class Input(Schema):
    """`destroy` takes an input away from a schedule."""

    name: Text
    value: Any = None
    destroy: bool = False


class NewSchedule(Schema):
    description: Text
    ref: Text
    cron: Text
    cron_timezone: Zone = "UTC"
    active: bool = True
    inputs: list[Input] | dict[str, Any] = Field(default_factory=list)


class ChangedSchedule(Schema):
    description: Text | None = None
    ref: Text | None = None
    cron: Text | None = None
    cron_timezone: Zone | None = None
    active: bool | None = None
    inputs: list[Input] | dict[str, Any] | None = None


class NewVariable(Schema):
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
    value: Annotated[str, Field(max_length=100_000)] = ""
    variable_type: Annotated[str, Field(pattern="^(env_var|file)$")] = "env_var"


class ChangedVariable(Schema):
    value: Annotated[str, Field(max_length=100_000)] | None = None
    variable_type: Annotated[str, Field(pattern="^(env_var|file)$")] | None = None


@router.get("/projects/{project_id}/pipeline_schedules")
def list_schedules(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    scope: Literal["active", "inactive"] | None = None,
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    rows = PipelineSchedule.objects.select_related("owner").filter(
        project=find_project(request, project_id, Ability.READ_PIPELINE)
    )
    if scope is not None:
        rows = rows.filter(active=scope == "active")
    return [schedule_json(row) for row in page_of(request, rows.order_by("-pk"), response, page, per_page)]


def _find(
    request: HttpRequest, project_id: str, schedule_id: int, level: int | Ability = Ability.READ_PIPELINE
) -> PipelineSchedule:
    project = find_project(request, project_id, level)
    rows = PipelineSchedule.objects.select_related("project", "owner")
    row = rows.filter(project=project, pk=schedule_id).first()
    if row is None:
        raise Http404("PipelineSchedule")
    return row


def _own(request: HttpRequest, project_id: str, schedule_id: int) -> PipelineSchedule:
    """To change it one has to own it: its pipelines run in the owner's name, and are nobody else's to write. (Who
    maintains the project may take it over.)"""
    row = _find(request, project_id, schedule_id, access.PUSH)
    if row.owner_id != me(request).pk and not me(request).is_superuser:
        raise HttpError(403, "403 Forbidden")
    return row


def _administered(request: HttpRequest, project_id: str, schedule_id: int) -> PipelineSchedule:
    """To delete it, and to read its variables, one has to own it or to maintain the project."""
    row = _find(request, project_id, schedule_id, access.PUSH)
    if not _administers(request, row):
        raise HttpError(403, "403 Forbidden")
    return row


def _administers(request: HttpRequest, row: PipelineSchedule) -> bool:
    level = access.level(me(request), row.project)
    return level >= access.ADMINISTER or (level >= access.PUSH and row.owner_id == me(request).pk)


@router.get("/projects/{project_id}/pipeline_schedules/{schedule_id}")
def get_schedule(request: HttpRequest, project_id: str, schedule_id: int) -> dict[str, Any]:
    """Its variables are for its owner and those who maintain the project."""
    row = _find(request, project_id, schedule_id)
    shown = schedule_json(row, details=True)
    if not _administers(request, row):
        del shown["variables"], shown["inputs"]
    return shown


@router.post("/projects/{project_id}/pipeline_schedules", response={201: dict[str, Any]})
def new_schedule(request: HttpRequest, project_id: str, body: NewSchedule) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.PUSH)
    if PipelineSchedule.objects.filter(project=project).count() >= LIMIT:
        raise Invalid("base", f"Maximum number of pipeline schedules ({LIMIT}) exceeded")
    row = PipelineSchedule(project=project, owner=me(request), **body.dict(exclude={"inputs"}))
    row.inputs = _inputs({}, body.inputs)
    _save(request, row)
    return 201, schedule_json(row, details=True)


@router.put("/projects/{project_id}/pipeline_schedules/{schedule_id}")
def change_schedule(
    request: HttpRequest, project_id: str, schedule_id: int, body: ChangedSchedule
) -> dict[str, Any]:
    row = _own(request, project_id, schedule_id)
    for name, value in body.dict(exclude_none=True, exclude={"inputs"}).items():
        setattr(row, name, value)
    if body.inputs is not None:
        row.inputs = _inputs(row.inputs, body.inputs)
    _save(request, row)
    return schedule_json(row, details=True)


def _inputs(known: dict[str, Any], given: list[Input] | dict[str, Any]) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    gone = {one.name for one in given if one.destroy}
    kept = {name: value for name, value in known.items() if name not in gone}
    return kept | {one.name: one.value for one in given if not one.destroy}


def _save(request: HttpRequest, row: PipelineSchedule) -> None:
    found = services().repositories.ref(row.project_id, row.ref)
    if found is None:
        raise Invalid("ref", "is not a branch or tag of this project")
    try:
        name = row.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        check_may_run(me(request), row.project, found[0], name)
        schedules.plan(row, timezone.now())
    except NotAllowed as error:
        raise HttpError(403, str(error)) from error
    except InvalidSchedule as error:
        raise Invalid(error.field, str(error)) from error
    row.save()


@router.delete("/projects/{project_id}/pipeline_schedules/{schedule_id}", response={204: None})
def delete_schedule(request: HttpRequest, project_id: str, schedule_id: int) -> tuple[int, None]:
    _administered(request, project_id, schedule_id).delete()
    return 204, None


@router.post(
    "/projects/{project_id}/pipeline_schedules/{schedule_id}/take_ownership", response={201: dict[str, Any]}
)
def take_ownership(request: HttpRequest, project_id: str, schedule_id: int) -> tuple[int, dict[str, Any]]:
    row = _find(request, project_id, schedule_id, access.ADMINISTER)
    row.owner = me(request)
    row.save(update_fields=["owner", "updated_at"])
    return 201, schedule_json(row, details=True)


@router.post("/projects/{project_id}/pipeline_schedules/{schedule_id}/play", response={201: dict[str, Any]})
def play(request: HttpRequest, project_id: str, schedule_id: int) -> tuple[int, dict[str, Any]]:
    """One pipeline now, in the caller's name."""
    row = _find(request, project_id, schedule_id, access.PUSH)
    try:
        created = schedules.run(row, me(request))
    except NotAllowed as error:
        raise HttpError(403, str(error)) from error
    if created.pipeline is None:
        raise Invalid("base", created.why_not)
    return 201, {"message": "201 Created", "pipeline": pipeline_json(created.pipeline)}


@router.get("/projects/{project_id}/pipeline_schedules/{schedule_id}/pipelines")
def list_pipelines(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    schedule_id: int,
    page: int = 1,
    per_page: int = 20,
) -> list[dict[str, Any]]:
    rows = _find(request, project_id, schedule_id).pipelines.select_related("project", "user")
    return [pipeline_json(row) for row in page_of(request, rows.order_by("-pk"), response, page, per_page)]


@router.post(
    "/projects/{project_id}/pipeline_schedules/{schedule_id}/variables", response={201: dict[str, Any]}
)
def new_variable(
    request: HttpRequest, project_id: str, schedule_id: int, body: NewVariable
) -> tuple[int, dict[str, Any]]:
    row = _own(request, project_id, schedule_id)
    if any(one["key"] == body.key for one in row.variables):
        raise Invalid("key", f"({body.key}) has already been taken")
    if len(row.variables) >= VARIABLES_LIMIT:
        raise Invalid("base", f"Maximum number of variables ({VARIABLES_LIMIT}) exceeded")
    row.variables = [*row.variables, body.dict()]
    row.save(update_fields=["variables", "updated_at"])
    return 201, body.dict()


@router.get("/projects/{project_id}/pipeline_schedules/{schedule_id}/variables/{key}")
def get_variable(request: HttpRequest, project_id: str, schedule_id: int, key: str) -> dict[str, Any]:
    return _variable(_administered(request, project_id, schedule_id), key)


@router.put("/projects/{project_id}/pipeline_schedules/{schedule_id}/variables/{key}")
def change_variable(
    request: HttpRequest, project_id: str, schedule_id: int, key: str, body: ChangedVariable
) -> dict[str, Any]:
    row = _own(request, project_id, schedule_id)
    changed = _variable(row, key) | body.dict(exclude_none=True)
    row.variables = [changed if one["key"] == key else one for one in row.variables]
    row.save(update_fields=["variables", "updated_at"])
    return changed


@router.delete(
    "/projects/{project_id}/pipeline_schedules/{schedule_id}/variables/{key}", response={202: dict[str, Any]}
)
def delete_variable(
    request: HttpRequest, project_id: str, schedule_id: int, key: str
) -> tuple[int, dict[str, Any]]:
    row = _own(request, project_id, schedule_id)
    gone = _variable(row, key)
    row.variables = [one for one in row.variables if one["key"] != key]
    row.save(update_fields=["variables", "updated_at"])
    return 202, gone


def _variable(row: PipelineSchedule, key: str) -> dict[str, Any]:
    found: dict[str, Any] | None = next((one for one in row.variables if one["key"] == key), None)
    if found is None:
        raise Http404("Variable")
    return found
