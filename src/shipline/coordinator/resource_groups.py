"""Who of a resource group's jobs gets its resource: read, decided by pipeline/resources.py, written."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from shipline.coordinator.database import again_after_deadlock
from shipline.coordinator.models import Job, ResourceGroup
from shipline.coordinator.one_by_one import one_by_one
from shipline.coordinator.progress import advance_pipeline, lock, tell
from shipline.model.status import FINISHED, JobStatus
from shipline.pipeline.resources import (
    UPCOMING,
    Contender,
    Holder,
    ProcessMode,
    in_line,
    next_holder,
    why_waiting,
)

_CONTENDING = (JobStatus.WAITING_FOR_RESOURCE, *UPCOMING)


@again_after_deadlock
def hand_over(group_id: int) -> None:
    """Give a free resource to the job whose turn it is, and start that; one transaction. That the resource is free
    was written with the end of the job that had it: when a crash comes between, the sweep finds it."""
    if not _waiting(group_id).exists():
        return
    with transaction.atomic():
        group = ResourceGroup.objects.select_for_update().filter(pk=group_id).first()
        if group is None:
            return
        mode, contenders, holder = ProcessMode(group.process_mode), _contenders(group), _holder(group)
        chosen = next_holder(contenders, holder, mode)
        if chosen is not None and (job := _still_waiting(chosen)) is not None:
            group.holder = job
            group.save(update_fields=["holder", "updated_at"])
            # The plan starts a job that has its resource; one that comes too late fails, and gives it back.
            advance_pipeline(job.pipeline_id)
            holder = Holder(job.pk, job.pipeline_id)
            contenders = [one for one in contenders if one.job != chosen]
        _explain(group_id, why_waiting(group.key, contenders, holder, mode))


def hand_over_all() -> None:
    """Every group in which somebody waits, for the sweep: a crash, or a deleted pipeline, has told nobody."""
    waiting = Job.objects.filter(status=JobStatus.WAITING_FOR_RESOURCE, resource_group__isnull=False)
    one_by_one(waiting.values_list("resource_group", flat=True).distinct(), hand_over, "resource groups")


def change_mode(group: ResourceGroup, mode: ProcessMode) -> None:
    group.process_mode = mode
    group.save(update_fields=["process_mode", "updated_at"])
    hand_over(group.pk)


def upcoming_jobs(group: ResourceGroup) -> list[Job]:
    """In the order in which they get the resource."""
    line = [one.job for one in in_line(_contenders(group), ProcessMode(group.process_mode))]
    found = Job.objects.select_related("pipeline", "project", "runner", "environment").in_bulk(line)
    return [found[job] for job in line if job in found]


def _waiting(group_id: int) -> QuerySet[Job]:
    return Job.objects.filter(resource_group=group_id, status=JobStatus.WAITING_FOR_RESOURCE)


def _contenders(group: ResourceGroup) -> list[Contender]:
    rows = Job.objects.filter(resource_group=group, retried=False, status__in=_CONTENDING)
    names = ("pk", "pipeline_id", "status", "waiting_for_resource_at")
    return [
        Contender(pk, pipeline, JobStatus(status), since.timestamp() if since else None)
        for pk, pipeline, status, since in rows.values_list(*names)
    ]


def _holder(group: ResourceGroup) -> Holder | None:
    """One that has ended holds nothing, whatever is written."""
    job = group.holder
    if job is None or job.status in FINISHED:
        return None
    return Holder(job.pk, job.pipeline_id)


def _still_waiting(job_id: int) -> Job | None:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return None
    job = lock(job)
    return job if job.status == JobStatus.WAITING_FOR_RESOURCE else None


def _explain(group_id: int, reason: str) -> None:
    """Those who still wait say for what now."""
    told = _waiting(group_id).exclude(reason=reason[:255])
    pipelines = set(told.values_list("pipeline_id", flat=True))
    if pipelines:
        told.update(reason=reason[:255])
        tell(*(f"pipeline:{pipeline}" for pipeline in pipelines))
