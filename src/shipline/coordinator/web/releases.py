"""Releases: a list of them with their notes and assets, and a page of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from shipline.coordinator.access import Ability
from shipline.coordinator.models import Release, ReleaseLink
from shipline.coordinator.web.finding import find_project, number_in
from shipline.coordinator.web.pages import missing, page

SHOWN = 20
PAGES_LIMIT = 1_000_000
# A list is for looking through: of longer notes the rest is on the release's own page.
NOTES_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class ShownRelease:
    """`notes` are plain text, `more` says that they go on; `address` is the page of the release alone."""

    release: Release
    address: str
    links: list[ReleaseLink]
    notes: str
    more: bool
    upcoming: bool


@require_GET
def index(request: HttpRequest, project: str) -> HttpResponseBase:
    """The latest first; `?page=2` gives those before."""
    found = find_project(request, project, Ability.READ_RELEASE)
    if found is None:
        return missing(request)
    number = max(1, min(number_in(request, "page") or 1, PAGES_LIMIT))
    first = (number - 1) * SHOWN
    wanted = Release.objects.filter(project=found).order_by("-released_at", "-id")
    rows = list(_related(wanted)[first : first + SHOWN + 1])
    context: dict[str, Any] = {
        "project": found,
        "rows": [shown(row, NOTES_SHOWN) for row in rows[:SHOWN]],
        "before": number - 1,
        "after": number + 1 if len(rows) > SHOWN else None,
    }
    return page(request, "releases.html", context)


@require_GET
def release(request: HttpRequest, project: str, tag: str) -> HttpResponseBase:
    found = find_project(request, project, Ability.READ_RELEASE)
    row = None
    if found is not None:
        row = _related(Release.objects.filter(project=found, tag=tag.replace("\0", ""))).first()
    if row is None:
        return missing(request)
    return page(request, "release.html", {"project": found, "row": shown(row, len(row.description))})


def _related(rows: Any) -> Any:
    return rows.select_related("project", "author", "job").defer("job__definition").prefetch_related("links")


def shown(row: Release, limit: int) -> ShownRelease:
    links = sorted(row.links.all(), key=lambda link: -link.pk)
    address = f"/{row.project.path_with_namespace}/-/releases/{quote(row.tag, safe='')}"
    upcoming = row.released_at > timezone.now()
    return ShownRelease(row, address, links, row.description[:limit], len(row.description) > limit, upcoming)
