"""Projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.deletion import delete_project
from shipline.coordinator.groups import InvalidPath, namespace_of
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.lookup import (
    AccessLevel,
    Invalid,
    find_project,
    key_of,
    keyset_page,
    me,
    page_of,
    reader,
    somebody,
)
from shipline.coordinator.models import Group, Project, ProjectCiSettings
from shipline.coordinator.models.ci_settings import ci_settings_of
from shipline.coordinator.moving import move_project
from shipline.coordinator.projects import (
    InvalidProject,
    change_project,
    create_project,
)
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())
Name = Annotated[str, Field(max_length=255)]
Visibility = Literal["private", "internal", "public"]
# GitLab: at least ten minutes, at most a month.
Timeout = Annotated[int, Field(ge=600, le=2_678_400)]
ProjectOrder = Literal[
    "id", "name", "path", "created_at", "updated_at", "star_count", "last_activity_at", "similarity"
]
ORDERS: Mapping[ProjectOrder, str] = {
    "id": "id",
    "name": "name",
    "path": "path_with_namespace",
    "created_at": "created_at",
    "updated_at": "created_at",
    "last_activity_at": "created_at",
    "similarity": "id",
    "star_count": "id",
}


class ProjectSettings(Schema):
    """What is the same when a project is made and when it is changed. Fields that are not known here are passed
    over, as they change nothing of pipelines."""

    description: Annotated[str, Field(max_length=2000)] | None = None
    ci_config_path: Name | None = None
    build_timeout: Timeout | None = None
    ci_default_git_depth: Annotated[int, Field(ge=0, le=1000)] | None = None
    build_git_strategy: Literal["fetch", "clone"] | None = None
    ci_separated_caches: bool | None = None
    keep_latest_artifact: bool | None = None
    ci_forward_deployment_enabled: bool | None = None
    ci_forward_deployment_rollback_allowed: bool | None = None
    public_jobs: bool | None = None
    public_builds: bool | None = None
    auto_cancel_pending_pipelines: Literal["enabled", "disabled"] | None = None
    ci_pipeline_variables_minimum_override_role: (
        Literal["developer", "maintainer", "owner", "no_one_allowed"] | None
    ) = None
    merge_method: Literal["merge", "ff"] | None = None

    def values(self) -> dict[str, Any]:
        """Fields of the project's row; `public_builds` is the older name of `public_jobs`."""
        names = (
            "description", "ci_config_path", "build_timeout", "public_builds", "public_jobs",
            "ci_forward_deployment_enabled", "ci_forward_deployment_rollback_allowed",
            "auto_cancel_pending_pipelines", "ci_pipeline_variables_minimum_override_role", "merge_method",
        )  # fmt: skip
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        if "public_builds" in found:
            found.setdefault("public_jobs", found.pop("public_builds"))
        return found

    def save_settings(self, project: Project) -> None:
        """Fields of the CI/CD settings."""
        named = {
            "default_git_depth": self.ci_default_git_depth,
            "build_git_strategy": self.build_git_strategy,
            "separated_caches": self.ci_separated_caches,
            "keep_latest_artifact": self.keep_latest_artifact,
        }
        if given := {name: value for name, value in named.items() if value is not None}:
            ProjectCiSettings.objects.update_or_create(project=project, defaults=given)


class NewProject(ProjectSettings):
    """`namespace_path` is shipline's own: the namespace by its path. An administrator's call makes it."""

    name: Name = ""
    path: Name = ""
    namespace_id: int | None = None
    namespace_path: Name = ""
    visibility: str = "private"
    default_branch: Name = "main"


class ChangedProject(ProjectSettings):
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    path: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    default_branch: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    visibility: Visibility | None = None


class ProjectFilter(Schema):
    search: str = ""
    membership: bool = False
    owned: bool = False
    visibility: Visibility | None = None
    min_access_level: AccessLevel = 0
    order_by: ProjectOrder = "created_at"
    sort: Literal["asc", "desc"] = "desc"
    pagination: Literal["", "legacy", "keyset"] = ""
    id_after: int | None = None
    id_before: int | None = None
    page: int = 1
    per_page: int = 20


def namespace_json(path: str) -> dict[str, Any]:
    group = Group.objects.filter(full_path=path).first()
    last = path.rpartition("/")[2]
    return {
        "id": group.pk if group is not None else None,
        "name": group.name if group is not None else last,
        "path": last,
        "kind": "user" if group is not None and group.owner_id is not None else "group",
        "full_path": path,
    }


def project_json(project: Project) -> dict[str, Any]:
    config, settings = services().config, ci_settings_of(project)
    url = f"{config.coordinator.external_url}/{project.path_with_namespace}"
    return {
        "id": project.pk,
        "name": project.name,
        "description": project.description,
        "path": project.path,
        "path_with_namespace": project.path_with_namespace,
        "name_with_namespace": project.path_with_namespace.replace("/", " / "),
        "default_branch": project.default_branch,
        "visibility": project.visibility,
        "created_at": project.created_at,
        "last_activity_at": project.created_at,
        "web_url": url,
        "http_url_to_repo": f"{url}.git",
        "ssh_url_to_repo": "",
        "readme_url": None,
        "topics": [],
        "archived": False,
        "empty_repo": services().repositories.is_empty(project.pk),
        "namespace": namespace_json(project.namespace),
        "jobs_enabled": True,
        "builds_access_level": "enabled",
        "shared_runners_enabled": True,
        "issues_enabled": False,
        "merge_requests_enabled": True,
        "wiki_enabled": False,
        "public_jobs": project.public_jobs,
        "build_timeout": project.build_timeout,
        "auto_cancel_pending_pipelines": project.auto_cancel_pending_pipelines,
        "ci_pipeline_variables_minimum_override_role": project.ci_pipeline_variables_minimum_override_role,
        "merge_method": project.merge_method,
        "ci_config_path": project.ci_config_path or None,
        "build_git_strategy": settings.build_git_strategy,
        "ci_default_git_depth": settings.default_git_depth,
        "ci_separated_caches": settings.separated_caches,
        "keep_latest_artifact": settings.keep_latest_artifact,
        "ci_forward_deployment_enabled": project.ci_forward_deployment_enabled,
        "ci_forward_deployment_rollback_allowed": project.ci_forward_deployment_rollback_allowed,
    }


def _with_permissions(request: HttpRequest, project: Project) -> dict[str, Any]:
    level = min(access.level(reader(request), project), access.OWNER)
    return project_json(project) | {
        "permissions": {
            "project_access": {"access_level": level} if level else None,
            "group_access": None,
        }
    }


@router.get("/projects")
def list_projects(
    request: HttpRequest, response: HttpResponse, filters: Query[ProjectFilter]
) -> list[dict[str, Any]]:
    return list_of(request, response, access.visible_projects(reader(request)), filters)


def list_of(
    request: HttpRequest, response: HttpResponse, rows: Any, filters: ProjectFilter
) -> list[dict[str, Any]]:
    """Those of `rows` that are asked for, in the order that is asked for."""
    if filters.search:
        rows = rows.filter(path_with_namespace__icontains=filters.search.replace("\0", ""))
    if filters.visibility is not None:
        rows = rows.filter(visibility=filters.visibility)
    if filters.membership or filters.owned or filters.min_access_level:
        rows = rows.filter(access.member_of(me(request)))
    wanted = access.OWNER if filters.owned else filters.min_access_level
    if wanted:
        rows = rows.filter(pk__in=[row.pk for row in rows if access.level(me(request), row) >= wanted])
    if filters.id_after is not None:
        rows = rows.filter(pk__gt=min(filters.id_after, 1 << 62))
    if filters.id_before is not None:
        rows = rows.filter(pk__lt=min(filters.id_before, 1 << 62))
    down = filters.sort == "desc"
    if filters.pagination == "keyset":
        found = keyset_page(request, rows, response, filters.per_page, down=down)
    else:
        column = ORDERS[filters.order_by]
        order = [f"-{column}", "-id"] if down else [column, "id"]
        found = page_of(request, rows.order_by(*order), response, filters.page, filters.per_page)
    return [project_json(project) for project in found]


@router.post("/projects", response={201: dict[str, Any]})
def new_project(request: HttpRequest, body: NewProject) -> tuple[int, dict[str, Any]]:
    caller = me(request)
    if not (body.path or body.name):
        raise Invalid("name", "can't be blank")
    try:
        project = create_project(
            _namespace(request, body),
            body.path or body.name,
            name=body.name,
            visibility=body.visibility,
            default_branch=body.default_branch,
            creator=caller,
            settings=body.values(),
        )
    except InvalidProject as error:
        raise Invalid(error.field, error.words) from error
    body.save_settings(project)
    return 201, _with_permissions(request, project)


def _namespace(request: HttpRequest, body: NewProject) -> str:
    """Where developers and above of a group may put a project; without a word about it, in the caller's own
    namespace."""
    caller = me(request)
    own = namespace_of(caller)
    if body.namespace_id is None and not body.namespace_path:
        if own is None:
            raise HttpError(403, "403 Forbidden")
        somebody(request)
        return own.full_path
    if body.namespace_id is not None:
        wanted = Group.objects.filter(pk=min(max(body.namespace_id, 0), 1 << 62)).first()
    else:
        wanted = Group.objects.filter(full_path__iexact=body.namespace_path).first()
    if wanted is None:
        if caller.is_superuser and body.namespace_path:
            return body.namespace_path
        if not caller.is_superuser and body.namespace_id is None:
            raise HttpError(403, "403 Forbidden")
        raise Invalid("namespace", "is not valid")
    if access.group_level(caller, wanted) < access.DEVELOPER:
        raise HttpError(403, "403 Forbidden")
    return wanted.full_path


@router.get("/projects/{project_id}")
def get_project(request: HttpRequest, project_id: str) -> dict[str, Any]:
    return _with_permissions(request, find_project(request, project_id))


@router.put("/projects/{project_id}")
def edit_project(request: HttpRequest, project_id: str, body: ChangedProject) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.ADMIN_PROJECT)
    values = body.values()
    for name in ("name", "path", "default_branch", "visibility"):
        if (value := getattr(body, name)) is not None:
            values[name] = value
    owns = access.level(me(request), project) >= access.OWNER
    if not owns and {"path", "visibility"} & set(values):
        raise HttpError(403, "403 Forbidden")
    try:
        change_project(project, values)
    except InvalidProject as error:
        raise Invalid(error.field, error.words) from error
    body.save_settings(project)
    return _with_permissions(request, project)


class ProjectTransfer(Schema):
    """By number or path."""

    namespace: int | Annotated[str, Field(min_length=1, max_length=255)]


@router.put("/projects/{project_id}/transfer")
def transfer_project(request: HttpRequest, project_id: str, body: ProjectTransfer) -> dict[str, Any]:
    """The caller owns the project, and may put one where it goes."""
    project = find_project(request, project_id, access.OWNER)
    wanted = Group.objects.filter(**key_of(str(body.namespace), "full_path")).first()
    if wanted is None or access.group_level(me(request), wanted) < access.DEVELOPER:
        raise Http404("Namespace")
    try:
        move_project(project, wanted)
    except InvalidPath as error:
        raise Invalid(error.field, error.words) from error
    return _with_permissions(request, project)


@router.delete("/projects/{project_id}", response={202: dict[str, Any]})
def remove_project(request: HttpRequest, project_id: str) -> tuple[int, dict[str, Any]]:
    """At once and for good: repository, pipelines, logs and artifacts."""
    delete_project(find_project(request, project_id, Ability.REMOVE_PROJECT))
    return 202, {"message": "202 Accepted"}
