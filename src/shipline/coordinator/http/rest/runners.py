"""Runners: made here, they get their token once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, tokens
from shipline.coordinator.http.rest.lookup import Invalid, administrator, find_project, me, page_of
from shipline.coordinator.models import Runner
from shipline.coordinator.services import services

router = Router()
Tags = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=50)]
AccessLevel = Literal["not_protected", "ref_protected"]
Timeout = Annotated[int, Field(ge=600, le=31_536_000)]


class NewRunner(Schema):
    runner_type: Literal["instance_type", "project_type"] = "instance_type"
    project_id: int | None = None
    description: Annotated[str, Field(max_length=255)] = ""
    tag_list: Tags | Annotated[str, Field(max_length=4096)] = ""
    run_untagged: bool = True
    paused: bool = False
    access_level: AccessLevel = "not_protected"
    maximum_timeout: Timeout | None = None


class ChangedRunner(Schema):
    description: Annotated[str, Field(max_length=255)] | None = None
    tag_list: Tags | Annotated[str, Field(max_length=4096)] | None = None
    run_untagged: bool | None = None
    paused: bool | None = None
    access_level: AccessLevel | None = None
    maximum_timeout: Timeout | None = None


def _tags(given: list[str] | str) -> list[str]:
    listed = given if isinstance(given, list) else given.split(",")
    return [tag.strip() for tag in listed if tag.strip()]


def _check(tags: list[str], run_untagged: bool) -> None:
    if not tags and not run_untagged:
        raise Invalid("tags_list", "can not be empty when runner is not allowed to pick untagged jobs")


def runner_json(runner: Runner) -> dict[str, Any]:
    return {
        "id": runner.pk,
        "description": runner.description,
        "paused": runner.paused,
        "active": not runner.paused,
        "is_shared": runner.project_id is None,
        "runner_type": "project_type" if runner.project_id else "instance_type",
        "tag_list": runner.tags,
        "run_untagged": runner.run_untagged,
        "access_level": "ref_protected" if runner.protected_only else "not_protected",
        "maximum_timeout": runner.maximum_timeout,
        "contacted_at": runner.contacted_at,
    }


@router.post("/user/runners", response={201: dict[str, Any]})
def new_runner(request: HttpRequest, body: NewRunner) -> tuple[int, dict[str, Any]]:
    if body.runner_type == "project_type":
        project = find_project(request, str(body.project_id), access.ADMINISTER)
    else:
        project = None
        administrator(request)
    tags = _tags(body.tag_list)
    _check(tags, body.run_untagged)
    token = tokens.fresh(tokens.RUNNER)
    runner = Runner.objects.create(
        token_hash=tokens.digest(token),
        short_token=token.removeprefix(tokens.RUNNER)[:9],
        description=body.description,
        project=project,
        tags=tags,
        run_untagged=body.run_untagged,
        protected_only=body.access_level == "ref_protected",
        paused=body.paused,
        maximum_timeout=body.maximum_timeout,
    )
    return 201, {"id": runner.pk, "token": token, "token_expires_at": None}


@router.get("/runners/all")
def list_runners(
    request: HttpRequest, response: HttpResponse, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    administrator(request)
    rows = Runner.objects.order_by("id")
    return [runner_json(runner) for runner in page_of(request, rows, response, page, per_page)]


def _runner(request: HttpRequest, runner_id: int) -> Runner:
    """For those who may change it: administrators, and maintainers of the project whose runner it is."""
    runner = Runner.objects.select_related("project").filter(pk=runner_id).first()
    if runner is None:
        raise Http404("Runner")
    caller = me(request)
    maintained = runner.project is not None and access.level(caller, runner.project) >= access.ADMINISTER
    if not (caller.is_superuser or maintained):
        raise HttpError(403, "403 Forbidden")
    return runner


@router.get("/runners/{runner_id}")
def get_runner(request: HttpRequest, runner_id: int) -> dict[str, Any]:
    return runner_json(_runner(request, runner_id))


@router.put("/runners/{runner_id}")
def change_runner(request: HttpRequest, runner_id: int, body: ChangedRunner) -> dict[str, Any]:
    runner = _runner(request, runner_id)
    changes = body.dict(exclude_unset=True)
    if "maximum_timeout" in changes:
        runner.maximum_timeout = changes.pop("maximum_timeout")
    changes = {name: value for name, value in changes.items() if value is not None}
    if "tag_list" in changes:
        runner.tags = _tags(changes.pop("tag_list"))
    if "access_level" in changes:
        runner.protected_only = changes.pop("access_level") == "ref_protected"
    for name, value in changes.items():
        setattr(runner, name, value)
    _check(runner.tags, runner.run_untagged)
    fields = ["maximum_timeout", "tags", "protected_only", "description", "run_untagged", "paused"]
    runner.save(update_fields=fields)
    # It may take now what it could not: let it look.
    services().events.tell("queue")
    return runner_json(runner)


@router.delete("/runners/{runner_id}", response={204: None})
def delete_runner(request: HttpRequest, runner_id: int) -> tuple[int, None]:
    _runner(request, runner_id).delete()
    return 204, None
