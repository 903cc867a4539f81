"""Pipelines in lists: a row each, with what its stages came to. However many there are, the database is asked a
fixed number of questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.safestring import SafeString

from shipline.coordinator.models import Job, Pipeline, Project
from shipline.coordinator.web.times import took

# The status that a stage shows is the first of these that one of its jobs has.
_WORST = (
    "failed", "running", "canceling", "pending", "waiting_for_resource", "scheduled", "manual", "canceled",
    "created", "warning", "success", "skipped",
)  # fmt: skip
# GitLab's names of sources, in as many words as a list has room for.
_SOURCES = {
    "push": "push",
    "web": "web",
    "api": "API",
    "trigger": "trigger",
    "schedule": "schedule",
    "merge_request_event": "merge request",
    "pipeline": "other project",
    "parent_pipeline": "child",
}
_SUPERSEDED = "superseded by #"


@dataclass(frozen=True, slots=True)
class Row:
    """`source` says what made it, `superseded_by` is the number of the newer one that cancelled it."""

    pipeline: Pipeline
    stages: Sequence[tuple[str, str]]
    took: SafeString | str
    source: str
    superseded_by: int | None


def newest_of(project: Project) -> QuerySet[Pipeline]:
    """Without child pipelines, as in REST: they are seen beside the jobs that started them."""
    rows = Pipeline.objects.filter(project=project).exclude(source="parent_pipeline")
    return listed(rows).order_by("-id")


def listed(rows: QuerySet[Pipeline]) -> QuerySet[Pipeline]:
    """With what a row shows, and without what may be long."""
    return rows.select_related("user").defer("predefined", "decisions", "variables", "auto_cancel")


def pipeline_rows(newest: Iterable[Pipeline]) -> list[Row]:
    found = list(newest)
    looks: dict[tuple[int, str], set[str]] = defaultdict(set)
    jobs = Job.objects.filter(pipeline__in=[one.pk for one in found], retried=False).order_by()
    for pk, stage, status, allowed in jobs.values_list(
        "pipeline", "stage", "status", "allow_failure"
    ).distinct():
        looks[pk, stage].add(look_of(status, allow_failure=allowed))
    return [
        Row(
            one,
            [(stage, worst(looks[one.pk, stage])) for stage in one.stages if looks[one.pk, stage]],
            pipeline_took(one),
            source_of(one),
            superseded_by(one),
        )
        for one in found
    ]


def look_of(status: str, *, allow_failure: bool) -> str:
    """The class of a job's colour: a failure that the pipeline does not mind is a warning."""
    return "warning" if status == "failed" and allow_failure else status


def worst(looks: Iterable[str]) -> str:
    """The status that a stage shows."""
    there = set(looks)
    return next((status for status in _WORST if status in there), "created")


def pipeline_took(pipeline: Pipeline) -> SafeString | str:
    """Nothing while it waits for somebody: that is not work."""
    over_or_at_work = pipeline.finished_at is not None or pipeline.status == "running"
    return took(pipeline.started_at, pipeline.finished_at) if over_or_at_work else ""


def source_of(pipeline: Pipeline) -> str:
    return _SOURCES.get(pipeline.source, pipeline.source.replace("_", " "))


def superseded_by(pipeline: Pipeline) -> int | None:
    number = pipeline.reason.removeprefix(_SUPERSEDED)
    return int(number) if number != pipeline.reason and number.isdigit() else None
