"""Runners: made here, they get their token once; shown, changed, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, runners, tokens
from shipline.coordinator.http.rest.lookup import (
    Invalid,
    administrator,
    find_group,
    find_project,
    me,
    page_of,
)
from shipline.coordinator.matching import GROUP, INSTANCE, PROJECT
from shipline.coordinator.models import Group, Project, Runner, RunnerManager
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User

router = Router()
Tags = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=50)]
AccessLevel = Literal["not_protected", "ref_protected"]
RunnerType = Literal["instance_type", "group_type", "project_type"]
Timeout = Annotated[int, Field(ge=600, le=31_536_000)]
Text = Annotated[str, Field(max_length=1024)]


class NewRunner(Schema):
    runner_type: RunnerType = "instance_type"
    project_id: int | None = None
    group_id: int | None = None
    description: Text = ""
    maintenance_note: Text = ""
    tag_list: Tags | Annotated[str, Field(max_length=4096)] = ""
    run_untagged: bool = True
    locked: bool = False
    paused: bool = False
    access_level: AccessLevel = "not_protected"
    maximum_timeout: Timeout | None = None


class ChangedRunner(Schema):
    description: Text | None = None
    maintenance_note: Text | None = None
    tag_list: Tags | Annotated[str, Field(max_length=4096)] | None = None
    run_untagged: bool | None = None
    locked: bool | None = None
    paused: bool | None = None
    active: bool | None = None
    access_level: AccessLevel | None = None
    maximum_timeout: Timeout | None = None


class RunnerFilter(Schema):
    """`status` also takes active and paused, as GitLab's of old."""

    type: RunnerType | None = None
    status: Literal["online", "offline", "stale", "never_contacted", "active", "paused"] | None = None
    paused: bool | None = None
    tag_list: Annotated[str, Field(max_length=4096)] = ""
    page: int = 1
    per_page: int = 20

    def of(self, rows: QuerySet[Runner]) -> QuerySet[Runner]:
        if self.type is not None:
            rows = rows.filter(runner_type=self.type)
        paused = {"active": False, "paused": True}.get(self.status or "", self.paused)
        if paused is not None:
            rows = rows.filter(paused=paused)
        if self.status in ("online", "offline", "stale", "never_contacted"):
            rows = rows.filter(_heard_of(self.status, timezone.now()))
        if self.tag_list:
            # Tags are a list in one field, which not every database can look into.
            wanted = set(_tags(self.tag_list))
            having = [pk for pk, tags in rows.values_list("pk", "tags") if wanted <= set(tags)]
            rows = rows.filter(pk__in=having)
        return rows.order_by("id")


def _heard_of(status: str, now: datetime) -> Q:
    online = Q(contacted_at__gte=now - runners.ONLINE)
    stale = Q(contacted_at__lt=now - runners.STALE) | Q(contacted_at=None, created_at__lt=now - runners.STALE)
    never = Q(contacted_at=None)
    return {"online": online, "stale": stale, "never_contacted": never & ~stale}.get(
        status, ~online & ~stale & ~never
    )


def _tags(given: list[str] | str) -> list[str]:
    listed = given if isinstance(given, list) else given.split(",")
    return list(dict.fromkeys(tag.strip() for tag in listed if tag.strip()))


def _check(tags: list[str], run_untagged: bool) -> None:
    if not tags and not run_untagged:
        raise Invalid("tags_list", runners.UNTAGGED)


def runner_json(runner: Runner) -> dict[str, Any]:
    """As in lists."""
    status = runners.status_of(runner.contacted_at, runner.created_at, timezone.now())
    return {
        "id": runner.pk,
        "description": runner.description,
        "ip_address": None,
        "active": not runner.paused,
        "paused": runner.paused,
        "is_shared": runner.runner_type == INSTANCE,
        "runner_type": runner.runner_type,
        "name": None,
        "online": status == "online",
        "status": status,
        "created_at": runner.created_at,
        "created_by": user_json(runner.creator),
    }


def user_json(found: User | None) -> dict[str, Any] | None:
    return {"id": found.pk, "username": found.username} if found is not None else None


def runner_details(runner: Runner) -> dict[str, Any]:
    newest = runner.managers.order_by("-contacted_at", "-id").first()
    told = ("version", "revision", "platform", "architecture", "ip_address")
    url = services().config.coordinator.external_url
    return runner_json(runner) | {
        **{name: (getattr(newest, name) or None) if newest else None for name in told},
        "access_level": "ref_protected" if runner.protected_only else "not_protected",
        "contacted_at": runner.contacted_at,
        "token_expires_at": runner.token_expires_at,
        "locked": runner.locked,
        "maintenance_note": runner.maintenance_note,
        "maximum_timeout": runner.maximum_timeout,
        "run_untagged": runner.run_untagged,
        "tag_list": runner.tags,
        "groups": [_group_json(runner.group)] if runner.group is not None else [],
        "projects": [
            {
                "id": project.pk,
                "name": project.name,
                "path": project.path,
                "path_with_namespace": project.path_with_namespace,
                "name_with_namespace": project.path_with_namespace.replace("/", " / "),
                "web_url": f"{url}/{project.path_with_namespace}",
            }
            for project in runner.projects.all()
        ],
    }


def _group_json(group: Group) -> dict[str, Any]:
    url = services().config.coordinator.external_url
    web_url = f"{url}/groups/{group.full_path}"
    return {"id": group.pk, "name": group.name, "full_path": group.full_path, "web_url": web_url}


@router.post("/user/runners", response={201: dict[str, Any]})
def new_runner(request: HttpRequest, body: NewRunner) -> tuple[int, dict[str, Any]]:
    projects: list[Project] = []
    group: Group | None = None
    if body.runner_type == PROJECT:
        projects = [find_project(request, str(body.project_id), access.ADMINISTER)]
    elif body.runner_type == GROUP:
        group = find_group(request, str(body.group_id), access.OWNER)
    else:
        administrator(request)
    tags = _tags(body.tag_list)
    _check(tags, body.run_untagged)
    runner, token = runners.create_runner(
        tokens.RUNNER,
        projects,
        runner_type=body.runner_type,
        group=group,
        description=body.description,
        maintenance_note=body.maintenance_note,
        tags=tags,
        run_untagged=body.run_untagged,
        protected_only=body.access_level == "ref_protected",
        locked=body.locked,
        paused=body.paused,
        maximum_timeout=body.maximum_timeout,
        creator=me(request),
    )
    return 201, {"id": runner.pk, "token": token, "token_expires_at": runner.token_expires_at}


def maintained(caller: User) -> QuerySet[Runner]:
    """The runners of the projects that the caller maintains, and of the groups that the caller owns."""
    if caller.is_superuser:
        return Runner.objects.exclude(runner_type=INSTANCE)
    projects = [
        project
        for project in Project.objects.filter(access.member_of(caller))
        if access.level(caller, project) >= access.ADMINISTER
    ]
    groups = [
        group
        for group in Group.objects.exclude(runners=None)
        if access.group_level(caller, group) >= access.OWNER
    ]
    return Runner.objects.filter(Q(projects__in=projects) | Q(group__in=groups)).distinct()


@router.get("/runners")
def list_runners(
    request: HttpRequest, response: HttpResponse, filters: Query[RunnerFilter]
) -> list[dict[str, Any]]:
    rows = filters.of(maintained(me(request)).select_related("creator"))
    return [runner_json(row) for row in page_of(request, rows, response, filters.page, filters.per_page)]


@router.get("/runners/all")
def list_all_runners(
    request: HttpRequest, response: HttpResponse, filters: Query[RunnerFilter]
) -> list[dict[str, Any]]:
    administrator(request)
    rows = filters.of(Runner.objects.select_related("creator"))
    return [runner_json(row) for row in page_of(request, rows, response, filters.page, filters.per_page)]


@router.post("/runners/reset_registration_token", response={201: dict[str, Any]})
def reset_registration_token(request: HttpRequest) -> tuple[int, dict[str, Any]]:
    administrator(request)
    return 201, registration_token(None)


def find_runner(request: HttpRequest, runner_id: int, *, change: bool = False) -> Runner:
    """Everybody may see instance runners; the others those who maintain one of its projects, or own its group.
    Who may change one: administrators, maintainers of the project that it belongs to, owners of its group."""
    runner = Runner.objects.select_related("creator", "group").filter(pk=runner_id).first()
    if runner is None:
        raise Http404("Runner")
    caller = me(request)
    if caller.is_superuser or (runner.runner_type == INSTANCE and not change):
        return runner
    if runner.group is not None:
        if access.group_level(caller, runner.group) < access.OWNER:
            raise HttpError(403, "403 Forbidden")
        return runner
    owner = owner_of(runner)
    projects = list(runner.projects.all()) if not change else [owner] if owner else []
    if not any(access.level(caller, project) >= access.ADMINISTER for project in projects):
        raise HttpError(403, "403 Forbidden")
    return runner


def owner_of(runner: Runner) -> Project | None:
    """The project that it was made for, or the one that has had it longest."""
    row = Runner.projects.through.objects.filter(runner=runner).order_by("id").first()
    return Project.objects.filter(pk=row.project_id).first() if row is not None else None


@router.get("/runners/{runner_id}")
def get_runner(request: HttpRequest, runner_id: int) -> dict[str, Any]:
    return runner_details(find_runner(request, runner_id))


@router.put("/runners/{runner_id}")
def change_runner(request: HttpRequest, runner_id: int, body: ChangedRunner) -> dict[str, Any]:
    runner = find_runner(request, runner_id, change=True)
    changes = body.dict(exclude_unset=True)
    if "maximum_timeout" in changes:
        runner.maximum_timeout = changes.pop("maximum_timeout")
    changes = {name: value for name, value in changes.items() if value is not None}
    if "tag_list" in changes:
        runner.tags = _tags(changes.pop("tag_list"))
    if "access_level" in changes:
        runner.protected_only = changes.pop("access_level") == "ref_protected"
    if "active" in changes:
        runner.paused = not changes.pop("active")
    for name, value in changes.items():
        setattr(runner, name, value)
    _check(runner.tags, runner.run_untagged)
    fields = ["maximum_timeout", "tags", "protected_only", "description", "maintenance_note"]
    runner.save(update_fields=[*fields, "run_untagged", "locked", "paused"])
    # It may take now what it could not: let it look.
    services().events.tell("queue")
    return runner_details(runner)


@router.delete("/runners/{runner_id}", response={204: None})
def delete_runner(request: HttpRequest, runner_id: int) -> tuple[int, None]:
    runner = find_runner(request, runner_id, change=True)
    if runner.projects.count() > 1 and not me(request).is_superuser:
        raise HttpError(403, "403 Forbidden - Runner associated with more than one project")
    runners.remove_runner(runner)
    return 204, None


@router.post("/runners/{runner_id}/reset_authentication_token", response={201: dict[str, Any]})
def reset_authentication_token(request: HttpRequest, runner_id: int) -> tuple[int, dict[str, Any]]:
    runner = find_runner(request, runner_id, change=True)
    token = runners.reset_token(runner)
    return 201, {"token": token, "token_expires_at": runner.token_expires_at}


def registration_token(project: Project | None) -> dict[str, Any]:
    """Another one. Raises HttpError."""
    try:
        return {"token": runners.reset_registration_token(project), "token_expires_at": None}
    except Refusal as refusal:
        raise HttpError(refusal.status, refusal.message) from refusal


def manager_json(manager: RunnerManager) -> dict[str, Any]:
    return {
        "id": manager.pk,
        "system_id": manager.system_id,
        "version": manager.version,
        "revision": manager.revision,
        "platform": manager.platform,
        "architecture": manager.architecture,
        "executor": manager.executor,
        "ip_address": manager.ip_address,
        "created_at": manager.created_at,
        "contacted_at": manager.contacted_at,
        "status": runners.status_of(manager.contacted_at, manager.created_at, timezone.now()),
    }


@router.get("/runners/{runner_id}/managers")
def list_managers(
    request: HttpRequest, response: HttpResponse, runner_id: int, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    runner = find_runner(request, runner_id)
    rows = page_of(request, runner.managers.order_by("-id"), response, page, per_page)
    return [manager_json(row) for row in rows]
