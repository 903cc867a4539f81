"""The page of a project's schedules."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_GET

from shipline.coordinator.access import Ability
from shipline.coordinator.models import PipelineSchedule
from shipline.coordinator.web import views
from shipline.coordinator.web.pages import missing, page


@require_GET
def schedules(request: HttpRequest, project: str) -> HttpResponseBase:
    found = views.find_project(request, project, Ability.READ_PIPELINE)
    if found is None:
        return missing(request)
    rows = PipelineSchedule.objects.select_related("owner").filter(project=found).order_by("description")
    shown = [(row, row.pipelines.order_by("-pk").first()) for row in rows]
    return page(request, "schedules.html", {"project": found, "rows": shown})
