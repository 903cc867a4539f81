"""Branches of the repository."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, browsing, protections, refs
from shipline.coordinator.access import Ability
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.commits import commit_json
from shipline.coordinator.http.rest.lookup import find_project, me, page_of, reader
from shipline.coordinator.models import Project
from shipline.coordinator.services import services

router = Router(auth=AnybodyReads())


class Caller:
    """What of a branch depends on who asks."""

    def __init__(self, request: HttpRequest, project: Project) -> None:
        self.project = project
        self.level = access.level(reader(request), project)
        self.rules = protections.rules_of(project)

    def branch_json(self, name: str, sha: str) -> dict[str, Any]:
        base = services().config.coordinator.external_url
        rules = protections.matching(self.rules, name)
        merging = (access.DEVELOPER,) if not rules else tuple(rule.merge for rule in rules.rules)
        return {
            "name": name,
            "commit": commit_json(self.project, browsing.commit(self.project.pk, sha)),
            "merged": False,
            "protected": bool(rules),
            "default": name == self.project.default_branch,
            "can_push": rules.may_push(self.level) if rules else self.level >= access.PUSH,
            "developers_can_push": not rules or rules.may_push(access.DEVELOPER),
            "developers_can_merge": access.DEVELOPER in merging,
            "web_url": f"{base}/{self.project.path_with_namespace}",
        }


class BranchFilter(Schema):
    """`search` may begin with ^ or end with $, as GitLab takes it."""

    search: str = ""
    page: int = 1
    per_page: int = 20

    def matches(self, name: str) -> bool:
        wanted = self.search.lower()
        if wanted.startswith("^"):
            return name.lower().startswith(wanted[1:])
        if wanted.endswith("$"):
            return name.lower().endswith(wanted[:-1])
        return wanted in name.lower()


@router.get("/projects/{project_id}/repository/branches")
def list_branches(
    request: HttpRequest, response: HttpResponse, project_id: str, asked: Query[BranchFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_CODE)
    found = [pair for pair in services().repositories.branches(project.pk).items() if asked.matches(pair[0])]
    shown = Caller(request, project)
    page = page_of(request, found, response, asked.page, asked.per_page)
    return [shown.branch_json(name, sha) for name, sha in page]


class NewBranch(Schema):
    branch: Annotated[str, Field(min_length=1, max_length=255)]
    ref: Annotated[str, Field(min_length=1, max_length=255)]


@router.post("/projects/{project_id}/repository/branches", response={201: dict[str, Any]})
def new_branch(request: HttpRequest, project_id: str, body: NewBranch) -> tuple[int, dict[str, Any]]:
    project = find_project(request, project_id, Ability.PUSH_CODE)
    try:
        sha = refs.create_branch(project, me(request), body.branch, body.ref)
    except refs.RefusedRef as error:
        raise HttpError(error.status, error.words) from error
    return 201, Caller(request, project).branch_json(body.branch, sha)


@router.get("/projects/{project_id}/repository/branches/{path:name}")
def get_branch(request: HttpRequest, project_id: str, name: str) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    sha = services().repositories.branches(project.pk).get(name)
    if sha is None:
        raise Http404("Branch")
    return Caller(request, project).branch_json(name, sha)


@router.delete("/projects/{project_id}/repository/branches/{path:name}", response={204: None})
def remove_branch(request: HttpRequest, project_id: str, name: str) -> tuple[int, None]:
    project = find_project(request, project_id, Ability.PUSH_CODE)
    try:
        refs.delete_branch(project, me(request), name)
    except refs.RefusedRef as error:
        raise HttpError(error.status, error.words) from error
    return 204, None
