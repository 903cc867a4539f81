"""CI/CD variables of projects, groups and the instance: the same calls on three levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.lookup import Invalid, administrator, find_group, find_project, page_of
from shipline.coordinator.models import InstanceVariable
from shipline.coordinator.variables import InvalidVariable, change_variable, create_variable

router = Router()
Value = Annotated[str, Field(max_length=100_000)]
Text = Annotated[str, Field(max_length=255)]
Type = Literal["env_var", "file"]
SEVERAL = "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"


class NewVariable(Schema):
    key: Text
    value: Value
    protected: bool = False
    masked: bool = False
    masked_and_hidden: bool = False
    raw: bool = False
    variable_type: Type = "env_var"
    environment_scope: Text = "*"
    description: Text | None = None


class ScopeFilter(Schema):
    environment_scope: Text | None = None


class ChangedVariable(Schema):
    value: Value | None = None
    protected: bool | None = None
    masked: bool | None = None
    raw: bool | None = None
    variable_type: Type | None = None
    environment_scope: Text | None = None
    description: Text | None = None
    filter: ScopeFilter | None = None


class Filter(Schema):
    """Which of several variables of one key is meant."""

    environment_scope: Text | None = Field(None, alias="filter[environment_scope]")


class Paging(Schema):
    page: int = 1
    per_page: int = 20


def variable_json(row: Any) -> dict[str, Any]:
    names = ("key", "protected", "masked", "hidden", "raw", "variable_type", "description")
    shown = {name: getattr(row, name) for name in names} | {"value": None if row.hidden else row.value}
    scope = getattr(row, "environment_scope", None)
    return shown if scope is None else shown | {"environment_scope": scope}


def _page(request: HttpRequest, response: HttpResponse, rows: Any, paging: Paging) -> list[dict[str, Any]]:
    found: Sequence[Any] = page_of(
        request, rows.order_by("key", "id"), response, paging.page, paging.per_page
    )
    return [variable_json(row) for row in found]


def _create(rows: Any, body: NewVariable, *, scoped: bool = True, **of: Any) -> dict[str, Any]:
    values = body.dict()
    values["hidden"] = values.pop("masked_and_hidden")
    values["masked"] = values["masked"] or values["hidden"]
    if not scoped:
        values.pop("environment_scope")
    try:
        return variable_json(create_variable(rows, values, **of))
    except InvalidVariable as error:
        raise Invalid(error.field, error.words) from error


def _change(row: Any, body: ChangedVariable) -> dict[str, Any]:
    values = body.dict(exclude_none=True, exclude={"filter"})
    if not hasattr(row, "environment_scope"):
        values.pop("environment_scope", None)
    try:
        return variable_json(change_variable(row, values))
    except InvalidVariable as error:
        raise Invalid(error.field, error.words) from error


def _one(rows: QuerySet[Any], key: str, scope: str | None) -> Any:
    wanted = rows.filter(key=key) if scope is None else rows.filter(key=key, environment_scope=scope)
    found = list(wanted[:2])
    if not found:
        raise Http404("Variable")
    if len(found) > 1:
        raise HttpError(409, SEVERAL)
    return found[0]


def _scope(asked: Filter, body: ChangedVariable | None = None) -> str | None:
    if asked.environment_scope is not None or body is None or body.filter is None:
        return asked.environment_scope
    return body.filter.environment_scope


@router.get("/projects/{project_id}/variables")
def list_variables(
    request: HttpRequest, response: HttpResponse, project_id: str, paging: Query[Paging]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_VARIABLES)
    return _page(request, response, project.variables.all(), paging)


@router.post("/projects/{project_id}/variables", response={201: dict[str, Any]})
def new_variable(request: HttpRequest, project_id: str, body: NewVariable) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_VARIABLES)
    return 201, _create(project.variables.all(), body, project=project)


@router.get("/projects/{project_id}/variables/{key}")
def get_variable(request: HttpRequest, project_id: str, key: str, asked: Query[Filter]) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_VARIABLES)
    return variable_json(_one(project.variables.all(), key, _scope(asked)))


@router.put("/projects/{project_id}/variables/{key}")
def change_project_variable(
    request: HttpRequest, project_id: str, key: str, body: ChangedVariable, asked: Query[Filter]
) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_VARIABLES)
    return _change(_one(project.variables.all(), key, _scope(asked, body)), body)


@router.delete("/projects/{project_id}/variables/{key}", response={204: None})
def delete_variable(
    request: HttpRequest, project_id: str, key: str, asked: Query[Filter]
) -> tuple[int, None]:
    project = find_project(request, project_id, Ability.READ_VARIABLES)
    _one(project.variables.all(), key, _scope(asked)).delete()
    return 204, None


@router.get("/groups/{group_id}/variables")
def list_group_variables(
    request: HttpRequest, response: HttpResponse, group_id: str, paging: Query[Paging]
) -> list[dict[str, Any]]:
    group = find_group(request, group_id, access.OWNER)
    return _page(request, response, group.variables.all(), paging)


@router.post("/groups/{group_id}/variables", response={201: dict[str, Any]})
def new_group_variable(request: HttpRequest, group_id: str, body: NewVariable) -> tuple[int, dict[str, Any]]:
    group = find_group(request, group_id, access.OWNER)
    return 201, _create(group.variables.all(), body, group=group)


@router.get("/groups/{group_id}/variables/{key}")
def get_group_variable(request: HttpRequest, group_id: str, key: str, asked: Query[Filter]) -> dict[str, Any]:
    group = find_group(request, group_id, access.OWNER)
    return variable_json(_one(group.variables.all(), key, _scope(asked)))


@router.put("/groups/{group_id}/variables/{key}")
def change_group_variable(
    request: HttpRequest, group_id: str, key: str, body: ChangedVariable, asked: Query[Filter]
) -> dict[str, Any]:
    group = find_group(request, group_id, access.OWNER)
    return _change(_one(group.variables.all(), key, _scope(asked, body)), body)


@router.delete("/groups/{group_id}/variables/{key}", response={204: None})
def delete_group_variable(
    request: HttpRequest, group_id: str, key: str, asked: Query[Filter]
) -> tuple[int, None]:
    group = find_group(request, group_id, access.OWNER)
    _one(group.variables.all(), key, _scope(asked)).delete()
    return 204, None


@router.get("/admin/ci/variables")
def list_instance_variables(
    request: HttpRequest, response: HttpResponse, paging: Query[Paging]
) -> list[dict[str, Any]]:
    administrator(request)
    return _page(request, response, InstanceVariable.objects.all(), paging)


@router.post("/admin/ci/variables", response={201: dict[str, Any]})
def new_instance_variable(request: HttpRequest, body: NewVariable) -> tuple[int, dict[str, Any]]:
    administrator(request)
    return 201, _create(InstanceVariable.objects.all(), body, scoped=False)


@router.get("/admin/ci/variables/{key}")
def get_instance_variable(request: HttpRequest, key: str) -> dict[str, Any]:
    administrator(request)
    return variable_json(_one(InstanceVariable.objects.all(), key, None))


@router.put("/admin/ci/variables/{key}")
def change_instance_variable(request: HttpRequest, key: str, body: ChangedVariable) -> dict[str, Any]:
    administrator(request)
    return _change(_one(InstanceVariable.objects.all(), key, None), body)


@router.delete("/admin/ci/variables/{key}", response={204: None})
def delete_instance_variable(request: HttpRequest, key: str) -> tuple[int, None]:
    administrator(request)
    _one(InstanceVariable.objects.all(), key, None).delete()
    return 204, None
