"""Runners: made here, they get their token once."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, tokens
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.models import Runner

router = Router()


class NewRunner(Schema):
    runner_type: str = "instance_type"
    project_id: int | None = None
    description: Annotated[str, Field(max_length=255)] = ""
    tag_list: list[str] | str = ""
    run_untagged: bool = True
    paused: bool = False
    access_level: str = "not_protected"
    maximum_timeout: Annotated[int, Field(ge=600)] | None = None


@router.post("/user/runners", response={201: dict[str, Any]})
def new_runner(request: HttpRequest, body: NewRunner) -> tuple[int, dict[str, Any]]:
    caller = me(request)
    project = None
    if body.runner_type == "project_type":
        project = find_project(request, str(body.project_id), access.ADMINISTER)
    elif not caller.is_superuser:
        raise HttpError(403, "403 Forbidden")
    listed = body.tag_list if isinstance(body.tag_list, list) else body.tag_list.split(",")
    tags = [tag.strip() for tag in listed if tag.strip()]
    if not tags and not body.run_untagged:
        raise HttpError(
            400, "{'tags_list': ['can not be empty when runner is not allowed to pick untagged jobs']}"
        )
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
    if not me(request).is_superuser:
        raise HttpError(403, "403 Forbidden")
    rows = page_of(request, Runner.objects.order_by("id"), response, page, per_page)
    return [
        {
            "id": runner.pk,
            "description": runner.description,
            "paused": runner.paused,
            "active": not runner.paused,
            "is_shared": runner.project_id is None,
            "runner_type": "project_type" if runner.project_id else "instance_type",
            "tag_list": runner.tags,
            "contacted_at": runner.contacted_at,
        }
        for runner in rows
    ]
