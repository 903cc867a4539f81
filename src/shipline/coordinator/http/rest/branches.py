"""Branches of the repository."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router

from shipline.coordinator import access
from shipline.coordinator.http.rest.lookup import find_project
from shipline.coordinator.models import Project
from shipline.coordinator.services import services

router = Router()


def branch_json(project: Project, name: str, sha: str, protected: bool) -> dict[str, Any]:
    return {
        "name": name,
        "commit": {"id": sha, "short_id": sha[:8]},
        "protected": protected,
        "default": name == project.default_branch,
    }


@router.get("/projects/{project_id}/repository/branches")
def list_branches(request: HttpRequest, project_id: str) -> list[dict[str, Any]]:
    project = find_project(request, project_id, access.READ_CODE)
    found = services().repositories.branches(project.pk)
    protected = project.protected_among(found)
    return [branch_json(project, name, sha, name in protected) for name, sha in found.items()]


@router.get("/projects/{project_id}/repository/branches/{path:name}")
def get_branch(request: HttpRequest, project_id: str, name: str) -> dict[str, Any]:
    project = find_project(request, project_id, access.READ_CODE)
    sha = services().repositories.branches(project.pk).get(name)
    if sha is None:
        raise Http404("Branch")
    return branch_json(project, name, sha, project.protects(name))
