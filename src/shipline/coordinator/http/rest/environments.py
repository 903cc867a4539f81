"""Environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, environments
from shipline.coordinator.access import Ability
from shipline.coordinator.deployments import last_deployment
from shipline.coordinator.http.rest.deployments import deployment_json
from shipline.coordinator.http.rest.entities import environment_basic
from shipline.coordinator.http.rest.lookup import Invalid, find_project, me, page_of
from shipline.coordinator.models import Environment
from shipline.model.environment import EnvironmentState

router = Router()
SEARCH_MINIMUM = 3


def environment_json(environment: Environment) -> dict[str, Any]:
    return environment_basic(environment) | {
        "state": environment.state,
        "tier": environment.tier,
        "description": environment.description or None,
        "auto_stop_at": environment.auto_stop_at,
    }


class EnvironmentFilter(Schema):
    name: str = ""
    search: str = ""
    states: EnvironmentState | None = None
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/environments")
def list_environments(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[EnvironmentFilter]
) -> list[dict[str, Any]]:
    rows = Environment.objects.filter(
        project=find_project(request, project_id, Ability.READ_ENVIRONMENT)
    ).order_by("id")
    if filters.name and filters.search:
        raise HttpError(400, "name, search cannot be used together")
    if filters.name:
        rows = rows.filter(name=filters.name)
    if filters.search:
        if len(filters.search) < SEARCH_MINIMUM:
            raise HttpError(400, f"Search query is less than {SEARCH_MINIMUM} characters")
        rows = rows.filter(name__icontains=filters.search)
    if filters.states is not None:
        rows = rows.filter(state=filters.states)
    return [environment_json(row) for row in page_of(request, rows, response, filters.page, filters.per_page)]


class ChangedEnvironment(Schema):
    external_url: Annotated[str, Field(max_length=255)] | None = None
    tier: str | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None


class NewEnvironment(ChangedEnvironment):
    name: Annotated[str, Field(max_length=255)]


def _checked(make: Callable[..., Environment], *words: Any, **fields: Any) -> dict[str, Any]:
    try:
        return environment_json(make(*words, **fields))
    except environments.InvalidField as error:
        raise Invalid(error.field, error.words) from error


@router.post("/projects/{project_id}/environments", response={201: dict[str, Any]})
def new_environment(
    request: HttpRequest, project_id: str, body: NewEnvironment
) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.PUSH)
    return 201, _checked(environments.create, project, **body.dict(exclude_none=True))


def _find(
    request: HttpRequest,
    project_id: str,
    environment_id: int,
    level: int | Ability = Ability.READ_ENVIRONMENT,
) -> Environment:
    project = find_project(request, project_id, level)
    found = Environment.objects.select_related("project").filter(project=project, pk=environment_id).first()
    if found is None:
        raise Http404("Environment")
    return found


@router.get("/projects/{project_id}/environments/{environment_id}")
def get_environment(request: HttpRequest, project_id: str, environment_id: int) -> dict[str, Any]:
    found = _find(request, project_id, environment_id)
    last = last_deployment(found)
    shown = deployment_json(last) if last is not None else None
    if shown is not None and not access.may(me(request), found.project, Ability.READ_PIPELINE):
        shown["deployable"] = None
    return environment_json(found) | {"last_deployment": shown}


@router.put("/projects/{project_id}/environments/{environment_id}")
def change_environment(
    request: HttpRequest, project_id: str, environment_id: int, body: ChangedEnvironment
) -> dict[str, Any]:
    found = _find(request, project_id, environment_id, access.PUSH)
    return _checked(environments.change, found, **body.dict(exclude_none=True))


@router.delete("/projects/{project_id}/environments/{environment_id}", response={204: None})
def delete_environment(request: HttpRequest, project_id: str, environment_id: int) -> tuple[int, None]:
    try:
        environments.delete(_find(request, project_id, environment_id, access.PUSH))
    except environments.NotStopped as error:
        raise HttpError(403, str(error)) from error
    return 204, None


class Stopping(Schema):
    """`force`: without the jobs that stop it."""

    force: bool = False


@router.post("/projects/{project_id}/environments/{environment_id}/stop")
def stop_environment(
    request: HttpRequest, project_id: str, environment_id: int, body: Stopping | None = None
) -> dict[str, Any]:
    found = _find(request, project_id, environment_id, access.PUSH)
    if not environments.may_stop(me(request), found):
        raise HttpError(403, "403 Forbidden")
    return environment_json(environments.stop(found, force=body is not None and body.force))
