"""Branches of the repository."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from shipline.coordinator import access
from shipline.coordinator.http.rest.lookup import find_project
from shipline.coordinator.services import services

router = Router()


@router.get("/projects/{project_id}/repository/branches")
def list_branches(request: HttpRequest, project_id: str) -> list[dict[str, Any]]:
    project = find_project(request, project_id, access.READ_CODE)
    return [
        {
            "name": name,
            "commit": {"id": sha, "short_id": sha[:8]},
            "protected": project.protects(name),
            "default": name == project.default_branch,
        }
        for name, sha in services().repositories.branches(project.pk).items()
    ]
