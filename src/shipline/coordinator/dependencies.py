"""Which earlier jobs' artifacts a job gets."""

from __future__ import annotations

from shipline.coordinator.models import Job, JobArtifact
from shipline.model.definition import JobDefinition


def sources_of(job: Job, definition: JobDefinition) -> list[JobArtifact]:
    """Of its needs, of its dependencies, or of all earlier stages."""
    found = (
        JobArtifact.objects.select_related("job")
        .filter(job__pipeline=job.pipeline_id, job__retried=False)
        .exclude(job=job.pk)
        .order_by("job_id")
    )
    if definition.dependencies is not None:
        found = found.filter(job__name__in=definition.dependencies)
    elif definition.needs is not None:
        found = found.filter(job__name__in=[need.job for need in definition.needs if need.artifacts])
    else:
        found = found.filter(job__stage_index__lt=job.stage_index)
    return list(found)
