"""What the pages say of where a pipeline comes from, and what its trigger jobs have started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipline.coordinator import access
from shipline.coordinator.models import Job, Pipeline

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

LEFT_OUT_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Link:
    """`url` is empty for what the reader may not see. `status` is that of a pipeline."""

    text: str
    url: str = ""
    status: str = ""


def origin(pipeline: Pipeline, user: User | AnonymousUser) -> Link | None:
    """Why there is a pipeline; nothing for a push, which is the usual thing."""
    upstream, request = pipeline.upstream_job, pipeline.merge_request
    if upstream is not None:
        above = upstream.pipeline
        kind = "child of" if pipeline.source == "parent_pipeline" else "triggered by"
        place = "" if above.project_id == pipeline.project_id else f" of {above.project.path_with_namespace}"
        seen = access.may(user, above.project, access.Ability.READ_PIPELINE)
        words = f"{kind} #{above.pk}{place} ({upstream.name})" if seen else "triggered by another project"
        return Link(words, address(above) if seen else "")
    if request is not None:
        words = f"merge request !{request.iid} into {request.target_branch}: {request.title}"
        return Link(words, f"{_base(pipeline)}/merge_requests/{request.iid}")
    if pipeline.schedule is not None:
        return Link(f"schedule: {pipeline.schedule.description}", f"{_base(pipeline)}/pipeline_schedules")
    known = {"api": "run over the API", "trigger": "run by a trigger token", "web": "run by hand"}
    return Link(known[pipeline.source]) if pipeline.source in known else None


def started_by(jobs: Iterable[Job], user: User | AnonymousUser) -> dict[int, list[Link]]:
    """The pipelines of trigger jobs, by job."""
    found: dict[int, list[Link]] = {job.pk: [] for job in jobs if job.bridge}
    if not found:
        return found
    rows = Pipeline.objects.select_related("project").filter(upstream_job__in=list(found)).order_by("pk")
    for row in rows:
        if row.upstream_job_id is not None and access.may(user, row.project, access.Ability.READ_PIPELINE):
            found[row.upstream_job_id].append(Link(f"#{row.pk}", address(row), row.status))
    return found


def left_out(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Jobs of the configuration that are not in the pipeline, and why."""
    listed = [(one["job"], one["reason"]) for one in pipeline.decisions if one["job"] and not one["included"]]
    return listed[:LEFT_OUT_SHOWN]


def address(pipeline: Pipeline) -> str:
    return f"{_base(pipeline)}/pipelines/{pipeline.pk}"


def _base(pipeline: Pipeline) -> str:
    return f"/{pipeline.project.path_with_namespace}/-"
