"""Merge requests: a list of them, and a page of each with its branches, its state, its pipelines."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Max
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_GET

from shipline.coordinator import access
from shipline.coordinator.access import Ability
from shipline.coordinator.models import MergeRequest, Pipeline
from shipline.coordinator.web.finding import find_project, number_in
from shipline.coordinator.web.pages import missing, page
from shipline.coordinator.web.pipeline_lists import listed, pipeline_rows

SHOWN, PIPELINES_SHOWN = 30, 30
INTEGER_LIMIT = (1 << 31) - 1
STATES = ("opened", "merged", "closed", "all")


@require_GET
def index(request: HttpRequest, project: str) -> HttpResponseBase:
    """Newest first; `?state=merged` gives those, `?before=IID` those before it."""
    found = find_project(request, project)
    if found is None:
        return missing(request)
    state = request.GET.get("state", "opened")
    state = state if state in STATES else "opened"
    wanted = MergeRequest.objects.select_related("author").filter(project=found).order_by("-iid")
    if state != "all":
        wanted = wanted.filter(state=state)
    before = number_in(request, "before")
    # Of a project they count from one: the number is no larger than its column.
    rows = list((wanted.filter(iid__lt=min(before, INTEGER_LIMIT)) if before else wanted)[: SHOWN + 1])
    sees_pipelines = access.may(request.user, found, Ability.READ_PIPELINE)
    newest = _newest_pipelines(rows[:SHOWN]) if sees_pipelines else {}
    context = {
        "project": found,
        "rows": [(row, newest.get(row.pk)) for row in rows[:SHOWN]],
        "state": state,
        "states": STATES,
        "before": before,
        "older": rows[SHOWN - 1].iid if len(rows) > SHOWN else None,
    }
    return page(request, "merge_requests.html", context)


def _newest_pipelines(requests: Iterable[MergeRequest]) -> dict[int, Pipeline]:
    """By merge request."""
    rows = Pipeline.objects.filter(merge_request__in=[one.pk for one in requests])
    rows = rows.exclude(source="parent_pipeline").order_by()
    newest = rows.values("merge_request").annotate(newest=Max("id")).values("newest")
    found = listed(Pipeline.objects.filter(pk__in=newest))
    return {one.merge_request_id: one for one in found if one.merge_request_id is not None}


@require_GET
def merge_request(request: HttpRequest, project: str, iid: int) -> HttpResponseBase:
    found = find_project(request, project)
    row = None
    if found is not None and iid <= INTEGER_LIMIT:
        row = MergeRequest.objects.select_related("author").filter(project=found, iid=iid).first()
    if found is None or row is None:
        return missing(request)
    newest = listed(row.pipelines.exclude(source="parent_pipeline")).order_by("-pk")[:PIPELINES_SHOWN]
    rows = pipeline_rows(newest) if access.may(request.user, found, Ability.READ_PIPELINE) else []
    return page(request, "merge_request.html", {"project": found, "asked": row, "rows": rows})
