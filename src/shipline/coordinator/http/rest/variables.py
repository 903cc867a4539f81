"""CI/CD variables of a project."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.http.rest.lookup import Invalid, find_project, page_of
from shipline.coordinator.models import ProjectVariable

router = Router()


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


def variable_json(row: ProjectVariable) -> dict[str, Any]:
    names = ("key", "value", "protected", "masked", "raw", "variable_type", "environment_scope")
    return {name: getattr(row, name) for name in names} | {"hidden": False, "description": None}


def _check_maskable(value: str) -> None:
    """A short value, or one of several lines, cannot be masked without ruining the log."""
    if len(value) < 8 or "\n" in value or " " in value:
        raise Invalid("value", "is invalid: a masked value has 8 characters or more, in one line, no blanks")


@router.get("/projects/{project_id}/variables")
def list_variables(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, access.ADMINISTER)
    rows = ProjectVariable.objects.filter(project=project).order_by("key")
    return [variable_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.post("/projects/{project_id}/variables", response={201: dict[str, Any]})
def new_variable(request: HttpRequest, project_id: str, body: NewVariable) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.ADMINISTER)
    if body.masked:
        _check_maskable(body.value)
    try:
        row = ProjectVariable.objects.create(project=project, **body.dict())
    except IntegrityError as error:
        raise Invalid("key", f"({body.key}) has already been taken") from error
    return 201, variable_json(row)


def _one_variable(request: HttpRequest, project_id: str, key: str) -> ProjectVariable:
    project = find_project(request, project_id, access.ADMINISTER)
    row = ProjectVariable.objects.filter(project=project, key=key).first()
    if row is None:
        raise Http404("Variable")
    return row


@router.get("/projects/{project_id}/variables/{key}")
def get_variable(request: HttpRequest, project_id: str, key: str) -> dict[str, Any]:
    return variable_json(_one_variable(request, project_id, key))


@router.put("/projects/{project_id}/variables/{key}")
def change_variable(request: HttpRequest, project_id: str, key: str, body: ChangedVariable) -> dict[str, Any]:
    row = _one_variable(request, project_id, key)
    for name, value in body.dict(exclude_none=True).items():
        setattr(row, name, value)
    if row.masked:
        _check_maskable(row.value)
    row.save()
    return variable_json(row)


@router.delete("/projects/{project_id}/variables/{key}", response={204: None})
def delete_variable(request: HttpRequest, project_id: str, key: str) -> tuple[int, None]:
    _one_variable(request, project_id, key).delete()
    return 204, None
