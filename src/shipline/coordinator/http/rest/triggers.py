"""Trigger tokens, and the pipelines that they start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, trigger_tokens
from shipline.coordinator.http.rest.lookup import find_project, me, page_of
from shipline.coordinator.http.rest.pipelines import VARIABLES_LIMIT, created_json
from shipline.coordinator.http.text import UnfitText, read_json
from shipline.coordinator.models import Project, TriggerToken
from shipline.coordinator.refusal import Refusal

router = Router()
Description = Annotated[str, Field(min_length=1, max_length=255)]
_BRACKETS = re.compile(r"(variables|inputs)\[([A-Za-z0-9_-]{1,255})\]")
_KEY = re.compile(r"[A-Za-z0-9_]{1,255}")


class NewTrigger(Schema):
    description: Description


def trigger_json(row: TriggerToken, token: str = "") -> dict[str, Any]:
    """The whole token is in the answer to its making, and nowhere else."""
    owner = {"id": row.owner.pk, "username": row.owner.username, "name": row.owner.first_name}
    return {
        "id": row.pk,
        "description": row.description,
        "token": token or row.short_token,
        "owner": owner,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "last_used": row.last_used,
        "expires_at": None,
    }


@router.get("/projects/{project_id}/triggers")
def list_triggers(
    request: HttpRequest, response: HttpResponse, project_id: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, access.ADMINISTER)
    rows = TriggerToken.objects.select_related("owner").filter(project=project).order_by("pk")
    return [trigger_json(row) for row in page_of(request, rows, response, page, per_page)]


@router.post("/projects/{project_id}/triggers", response={201: dict[str, Any]})
def new_trigger(request: HttpRequest, project_id: str, body: NewTrigger) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, access.ADMINISTER)
    row, token = trigger_tokens.create_token(project, me(request), body.description)
    return 201, trigger_json(row, token)


def _find(request: HttpRequest, project_id: str, trigger_id: int) -> TriggerToken:
    project = find_project(request, project_id, access.ADMINISTER)
    row = TriggerToken.objects.select_related("owner").filter(project=project, pk=trigger_id).first()
    if row is None:
        raise Http404("Trigger")
    return row


@router.get("/projects/{project_id}/triggers/{trigger_id}")
def get_trigger(request: HttpRequest, project_id: str, trigger_id: int) -> dict[str, Any]:
    return trigger_json(_find(request, project_id, trigger_id))


@router.put("/projects/{project_id}/triggers/{trigger_id}")
def change_trigger(
    request: HttpRequest, project_id: str, trigger_id: int, body: NewTrigger
) -> dict[str, Any]:
    """Only its owner: the token works in their name."""
    row = _find(request, project_id, trigger_id)
    if row.owner_id != me(request).pk:
        raise HttpError(403, "403 Forbidden")
    row.description = body.description
    row.save()
    return trigger_json(row)


@router.delete("/projects/{project_id}/triggers/{trigger_id}", response={204: None})
def delete_trigger(request: HttpRequest, project_id: str, trigger_id: int) -> tuple[int, None]:
    _find(request, project_id, trigger_id).delete()
    return 204, None


@router.post("/projects/{project_id}/trigger/pipeline", auth=None, response={201: dict[str, Any]})
def run_trigger(request: HttpRequest, project_id: str) -> tuple[int, dict[str, Any]]:
    """The token is all that is asked for: in the body (a form or JSON), or in the address."""
    return 201, _run(request, project_id, _given(request))


@router.post(
    "/projects/{project_id}/ref/{path:ref}/trigger/pipeline", auth=None, response={201: dict[str, Any]}
)
def run_trigger_of_ref(request: HttpRequest, project_id: str, ref: str) -> tuple[int, dict[str, Any]]:
    return 201, _run(request, project_id, _given(request) | {"ref": ref})


def _run(request: HttpRequest, project_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    token, ref, variables, inputs = (given.get(key) for key in ("token", "ref", "variables", "inputs"))
    for name, value in (("token", token), ("ref", ref)):
        if not isinstance(value, str) or not value:
            raise HttpError(400, f"{name} is missing")
    path = unquote(project_id)
    numeric = path.isascii() and path.isdigit() and len(path) <= 18
    rows = (
        Project.objects.filter(pk=int(path)) if numeric else Project.objects.filter(path_with_namespace=path)
    )
    known = inputs if isinstance(inputs, dict) else {}
    try:
        created = trigger_tokens.trigger(
            rows.first(),
            str(token),
            str(ref)[:255],
            _variables(variables),
            known,
        )
    except Refusal as error:
        raise HttpError(error.status, error.message) from error
    return created_json(created)


def _variables(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > VARIABLES_LIMIT:
        raise HttpError(400, "variables is invalid: it is a map of key-valued strings")
    found = {str(key): value for key, value in given.items()}
    if any(not _KEY.fullmatch(key) or not isinstance(value, str) for key, value in found.items()):
        raise HttpError(400, "variables needs to be a map of key-valued strings")
    return found


def _given(request: HttpRequest) -> dict[str, Any]:
    """`variables[KEY]=value` of forms and addresses is `variables` as JSON has it."""
    given: dict[str, Any] = {}
    for key, value in (*request.GET.items(), *request.POST.items()):
        if match := _BRACKETS.fullmatch(key):
            given.setdefault(match[1], {})[match[2]] = value
        else:
            given[key] = value
    if request.content_type == "application/json" and request.body:
        try:
            body = read_json(request.body)
        except UnfitText as error:
            raise HttpError(400, f"400 Bad request - {error}") from error
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "The body is no JSON") from error
        given |= body if isinstance(body, dict) else {}
    return given
