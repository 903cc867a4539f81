"""The page of a project's schedules."""

from __future__ import annotations

from django.db.models import Max
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_GET

from shipline.coordinator.access import Ability
from shipline.coordinator.models import Pipeline, PipelineSchedule
from shipline.coordinator.web import finding
from shipline.coordinator.web.pages import missing, page
from shipline.coordinator.web.pipeline_lists import listed


@require_GET
def schedules(request: HttpRequest, project: str) -> HttpResponseBase:
    found = finding.find_project(request, project, Ability.READ_PIPELINE)
    if found is None:
        return missing(request)
    rows = list(
        PipelineSchedule.objects.select_related("owner").filter(project=found).order_by("description")
    )
    # One question for the newest pipelines of all of them.
    made = Pipeline.objects.filter(schedule__in=rows).order_by()
    newest = made.values("schedule").annotate(newest=Max("id")).values("newest")
    last = {one.schedule_id: one for one in listed(Pipeline.objects.filter(pk__in=newest))}
    shown = [(row, last.get(row.pk)) for row in rows]
    return page(request, "schedules.html", {"project": found, "rows": shown})
