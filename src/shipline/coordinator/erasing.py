"""Erasing a job: its log and what it left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from shipline.coordinator.artifacts import remove_artifact
from shipline.coordinator.models import Job, JobArtifact, JobTestReport
from shipline.coordinator.progress import RefusedChange, lock, tell
from shipline.coordinator.stored import trace_path
from shipline.model.status import FINISHED

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def erase_job(job: Job, user: User) -> Job:
    """Raises RefusedChange unless the job is over, and when it has been erased already."""
    with transaction.atomic():
        locked = lock(job)
        if locked.status not in FINISHED:
            raise RefusedChange(f"Job {job.pk} is {locked.status}; only one that is over can be erased.")
        if locked.erased_at is not None:
            raise RefusedChange(f"Job {job.pk} has been erased already.")
        for artifact in JobArtifact.objects.filter(job=locked):
            remove_artifact(artifact)
        JobTestReport.objects.filter(job=locked).delete()
        locked.trace_size, locked.trace_integrity = 0, ""
        locked.erased_at, locked.erased_by = timezone.now(), user
        locked.save(update_fields=["trace_size", "trace_integrity", "erased_at", "erased_by"])
        path = trace_path(job.pk)
        transaction.on_commit(lambda: path.unlink(missing_ok=True))
        tell(f"job:{job.pk}", f"pipeline:{job.pipeline_id}")
    return locked
