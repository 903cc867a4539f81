"""What an address names, as far as its reader may see it; None is: there is nothing."""

from __future__ import annotations

from django.http import HttpRequest

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.models import Job, Pipeline, Project


def find_project(request: HttpRequest, path: str, *abilities: Ability) -> Project | None:
    """Whose code the reader may see, and who has these abilities there."""
    # PostgreSQL takes no NUL, not even to look for it.
    project = None if "\0" in path else Project.objects.filter(path_with_namespace=path).first()
    if project is None or not access.may_read(request.user, project):
        return None
    return project if all(access.may(request.user, project, one) for one in abilities) else None


def find_pipeline(request: HttpRequest, project: str, pipeline_id: int) -> Pipeline | None:
    found = find_project(request, project, Ability.READ_PIPELINE)
    if found is None:
        return None
    return Pipeline.objects.select_related("project", "user").filter(project=found, pk=pipeline_id).first()


def find_job(request: HttpRequest, project: str, job_id: int) -> Job | None:
    found = find_project(request, project, Ability.READ_PIPELINE, Ability.READ_JOB_LOG)
    if found is None:
        return None
    related = Job.objects.select_related("project", "pipeline", "pipeline__user", "runner")
    return related.filter(project=found, pk=job_id).first()


def number_in(request: HttpRequest, name: str) -> int | None:
    """A parameter that is a number which the database could hold."""
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
