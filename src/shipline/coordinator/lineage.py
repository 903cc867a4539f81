"""How pipelines come of one another: up to what has started them, down to what they have started."""

from __future__ import annotations

from shipline.coordinator.models import Pipeline
from shipline.pipeline.bridges import FAMILY_LIMIT, Ancestor


def root_of(pipeline: Pipeline) -> Pipeline:
    """The pipeline that a child goes back to, within its project."""
    while pipeline.source == "parent_pipeline" and pipeline.upstream_job is not None:
        pipeline = pipeline.upstream_job.pipeline
    return pipeline


def line_of(pipeline: Pipeline) -> list[Pipeline]:
    """The pipeline, and all that it goes back to, of whatever project."""
    line = [pipeline]
    while line[-1].upstream_job is not None and len(line) <= FAMILY_LIMIT:
        line.append(line[-1].upstream_job.pipeline)
    return line


def ancestors(line: list[Pipeline]) -> tuple[Ancestor, ...]:
    return tuple(Ancestor(one.project_id, one.ref, one.source) for one in line)


def family_size(root: Pipeline) -> int:
    """How many pipelines come of `root`, itself counted; no further than the limit."""
    level, count = [root.pk], 1
    while level and count < FAMILY_LIMIT:
        below = Pipeline.objects.filter(upstream_job__pipeline__in=level).values_list("pk", flat=True)
        level = list(below[:FAMILY_LIMIT])
        count += len(level)
    return count
