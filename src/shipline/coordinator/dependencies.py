"""Which earlier jobs' artifacts a job gets."""

from __future__ import annotations

from functools import lru_cache

from django.db.models import QuerySet

from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.prepared import Prepared
from shipline.model.definition import JobDefinition

# So many different numbers of needs or dependencies are known at a time.
COUNTS = 64


def sources_of(job: Job, definition: JobDefinition) -> list[JobArtifact]:
    """Of its needs, of its dependencies, or of all earlier stages."""
    if definition.dependencies is not None:
        return _of_names(job, definition.dependencies)
    if definition.needs is not None:
        return _of_names(job, tuple(need.job for need in definition.needs if need.artifacts))
    # Before the first stage there is none.
    return _OF_STAGES.all(job.pipeline_id, job.pk, job.stage_index) if job.stage_index > 0 else []


def _of_names(job: Job, names: tuple[str, ...]) -> list[JobArtifact]:
    names = tuple(dict.fromkeys(names))
    return _of_so_many(len(names)).all(job.pipeline_id, job.pk, *names) if names else []


def _of_others(pipeline_id: int, job_id: int) -> QuerySet[JobArtifact]:
    return (
        JobArtifact.objects.select_related("job")
        .filter(job__pipeline=pipeline_id, job__retried=False)
        .exclude(job=job_id)
        .order_by("job_id")
    )


_OF_STAGES = Prepared(
    lambda pipeline, job, stage: _of_others(pipeline, job).filter(job__stage_index__lt=stage), -1, -2, -3
)


@lru_cache(COUNTS)
def _of_so_many(count: int) -> Prepared[JobArtifact]:
    examples = [f"name {number}" for number in range(count)]
    return Prepared(
        lambda pipeline, job, *names: _of_others(pipeline, job).filter(job__name__in=names), -1, -2, *examples
    )
