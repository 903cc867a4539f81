"""CI/CD variables of projects, groups and the instance: the same calls on three levels."""

# Annotations are values here: `_for` gives the calls of each level its own.
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, variables
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.lookup import Invalid, administrator, find_group, find_project, page_of
from shipline.coordinator.models import InstanceVariable
from shipline.coordinator.variables import InvalidVariable, create_variable

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


@dataclass(frozen=True, slots=True)
class Owned:
    """The variables of one project, group or instance. `by` is what a new row has to know; those of the instance
    have no scope."""

    rows: QuerySet[Any]
    by: Mapping[str, Any] = field(default_factory=dict)
    scoped: bool = True


class Whose(Schema):
    """What of an address says whose variables are meant."""

    def owned(self, request: HttpRequest) -> Owned:
        """As far as the caller may have them: all of it or none. Raises Http404 and HttpError."""
        raise NotImplementedError


class OfProject(Whose):
    project_id: str

    def owned(self, request: HttpRequest) -> Owned:
        project = find_project(request, self.project_id, Ability.READ_VARIABLES)
        return Owned(project.variables.all(), {"project": project})


class OfGroup(Whose):
    group_id: str

    def owned(self, request: HttpRequest) -> Owned:
        group = find_group(request, self.group_id, access.OWNER)
        return Owned(group.variables.all(), {"group": group})


class OfInstance(Whose):
    def owned(self, request: HttpRequest) -> Owned:
        administrator(request)
        return Owned(InstanceVariable.objects.all(), scoped=False)


def _create(owned: Owned, body: NewVariable) -> dict[str, Any]:
    values = body.dict()
    values["hidden"] = values.pop("masked_and_hidden")
    values["masked"] = values["masked"] or values["hidden"]
    if not owned.scoped:
        values.pop("environment_scope")
    try:
        return variable_json(create_variable(owned.rows, values, **owned.by))
    except InvalidVariable as error:
        raise Invalid(error.field, error.words) from error


def _change(row: Any, body: ChangedVariable) -> dict[str, Any]:
    values = body.dict(exclude_none=True, exclude={"filter"})
    if not hasattr(row, "environment_scope"):
        values.pop("environment_scope", None)
    try:
        return variable_json(variables.change_variable(row, values))
    except InvalidVariable as error:
        raise Invalid(error.field, error.words) from error


def _one(owned: Owned, key: str, scope: str | None) -> Any:
    wanted = owned.rows.filter(key=key)
    if scope is not None and owned.scoped:
        wanted = wanted.filter(environment_scope=scope)
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


def _serve(level: str, path: str, whose_type: type[Whose]) -> None:
    """The five calls of a level."""

    def list_variables(
        request: HttpRequest, response: HttpResponse, whose: Whose, paging: Query[Paging]
    ) -> list[dict[str, Any]]:
        rows = whose.owned(request).rows.order_by("key", "id")
        found: Sequence[Any] = page_of(request, rows, response, paging.page, paging.per_page)
        return [variable_json(row) for row in found]

    def new_variable(request: HttpRequest, whose: Whose, body: NewVariable) -> tuple[int, dict[str, Any]]:
        return 201, _create(whose.owned(request), body)

    def get_variable(request: HttpRequest, whose: Whose, key: str, asked: Query[Filter]) -> dict[str, Any]:
        return variable_json(_one(whose.owned(request), key, _scope(asked)))

    def change_variable(
        request: HttpRequest, whose: Whose, key: str, body: ChangedVariable, asked: Query[Filter]
    ) -> dict[str, Any]:
        return _change(_one(whose.owned(request), key, _scope(asked, body)), body)

    def delete_variable(
        request: HttpRequest, whose: Whose, key: str, asked: Query[Filter]
    ) -> tuple[int, None]:
        _one(whose.owned(request), key, _scope(asked)).delete()
        return 204, None

    for method, rest, call, answer in (
        ("GET", "", list_variables, list[dict[str, Any]]),
        ("POST", "", new_variable, {201: dict[str, Any]}),
        ("GET", "/{key}", get_variable, dict[str, Any]),
        ("PUT", "/{key}", change_variable, dict[str, Any]),
        ("DELETE", "/{key}", delete_variable, {204: None}),
    ):
        name = f"{level}_{call.__name__}"
        served = _for(call, whose_type)
        router.api_operation([method], path + rest, response=answer, operation_id=name)(served)


def _for(call: Callable[..., Any], whose_type: type[Whose]) -> Callable[..., Any]:
    """The call with that kind of `whose`, read from its address where that says anything."""
    signature = inspect.signature(call)
    parameters = dict(signature.parameters)
    asks = bool(whose_type.model_fields)
    if asks:
        parameters["whose"] = parameters["whose"].replace(annotation=Annotated[whose_type, Path()])  # type: ignore[type-arg]
    else:
        del parameters["whose"]

    @wraps(call)
    def served(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs) if asks else call(*args, whose=whose_type(), **kwargs)

    served.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    return served


_serve("project", "/projects/{project_id}/variables", OfProject)
_serve("group", "/groups/{group_id}/variables", OfGroup)
_serve("instance", "/admin/ci/variables", OfInstance)
