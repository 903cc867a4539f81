"""What is done at intervals: dead runners, delays that are over, old artifacts."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from shipline.coordinator.jobs import give_up
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.progress import advance_pipeline
from shipline.coordinator.services import services
from shipline.model.status import JobStatus

# A runner tells something at least every 30 s; after this long it is taken for dead.
SILENCE_LIMIT = timedelta(minutes=10)


def sweep() -> float | None:
    """Fail jobs whose runner is silent or that run too long, start delayed ones that are due, delete
    artifacts that have expired. Called at intervals."""
    now = timezone.now()
    for job in Job.objects.filter(status__in=(JobStatus.RUNNING, JobStatus.CANCELING), bridge=False):
        if job.contacted_at and now - job.contacted_at > SILENCE_LIMIT:
            give_up(job, "stuck_or_timeout_failure", "its runner fell silent")
        elif job.started_at and now - job.started_at > timedelta(seconds=job.timeout) + SILENCE_LIMIT:
            give_up(job, "job_execution_timeout", "it ran too long")
    for pipeline in set(
        Job.objects.filter(status=JobStatus.SCHEDULED, scheduled_at__lte=now).values_list(
            "pipeline", flat=True
        )
    ):
        advance_pipeline(pipeline)
    for artifact in JobArtifact.objects.filter(expire_at__lt=now):
        (services().data.coordinator / "artifacts" / artifact.file).unlink(missing_ok=True)
        artifact.delete()
    return None
