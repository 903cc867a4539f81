"""The page of a merge request: its branches, its state, its pipelines."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_GET

from shipline.coordinator import access
from shipline.coordinator.models import MergeRequest
from shipline.coordinator.web import facts, views
from shipline.coordinator.web.pages import missing, page


@require_GET
def merge_request(request: HttpRequest, project: str, iid: int) -> HttpResponseBase:
    found = views.find_project(request, project)
    row = (
        MergeRequest.objects.select_related("author", "project").filter(project=found, iid=iid).first()
        if found
        else None
    )
    if row is None:
        return missing(request)
    newest = row.pipelines.select_related("user").exclude(source="parent_pipeline").order_by("-pk")
    if not access.may(request.user, row.project, access.Ability.READ_PIPELINE):
        newest = newest.none()
    rows = facts.pipeline_rows(newest[: views.PIPELINES_SHOWN])
    return page(request, "merge_request.html", {"project": found, "asked": row, "rows": rows})
