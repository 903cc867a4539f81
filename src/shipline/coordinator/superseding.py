"""A newer pipeline cancels what older ones of the same ref still have to do."""

from __future__ import annotations

from shipline.coordinator.canceling import cancel_jobs, cancelable, locked_jobs
from shipline.coordinator.lineage import root_of
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.services import services
from shipline.pipeline.auto_cancel import CONSERVATIVE, OlderPipeline, superseded

# What waits for somebody (manual) is left for them.
ALIVE = ("created", "waiting_for_resource", "pending", "running", "scheduled")
# The newest so many are looked at.
LIMIT = 100


def supersede(pipeline: Pipeline) -> None:
    """To be called in the transaction that makes the pipeline."""
    if pipeline.source == "parent_pipeline" or pipeline.project.auto_cancel_pending_pipelines != "enabled":
        return
    rows = Pipeline.objects.filter(project=pipeline.project, ref=pipeline.ref, ref_type=pipeline.ref_type)
    others = {
        row.pk: row for row in rows.filter(status__in=ALIVE).exclude(pk=pipeline.pk).order_by("-pk")[:LIMIT]
    }
    if not others:
        return
    jobs: dict[int, list[Job]] = {number: [] for number in others}
    for job in locked_jobs(others):
        jobs[job.pipeline_id].append(job)
    head = _head(pipeline)
    older = [
        OlderPipeline(
            row.pk,
            root_of(row).pk,
            row.sha,
            row.auto_cancel.get("on_new_commit") or CONSERVATIVE,
            tuple(cancelable(job) for job in jobs[row.pk]),
        )
        for row in others.values()
        if row.sha != head
    ]
    for number, chosen in superseded(pipeline.pk, pipeline.sha, older).items():
        reason = f"superseded by #{pipeline.pk}"
        Pipeline.objects.filter(pk=number).update(reason=reason)
        cancel_jobs(others[number], [job for job in jobs[number] if job.pk in chosen], reason)


def _head(pipeline: Pipeline) -> str | None:
    prefix = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(pipeline.ref_type, "")
    return services().repositories.resolve(pipeline.project_id, prefix + pipeline.ref)
