"""The graph itself: who waits for whom, before anything is drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shipline.model.definition import JobDefinition, PipelineDefinition


@dataclass(frozen=True, slots=True)
class Vertex:
    """A job. `waits` says for what: "needs", "stages" (all stages before it) or "nothing"."""

    name: str
    stage: str
    when: str
    allow_failure: bool
    waits: str


@dataclass(frozen=True, slots=True)
class Edge:
    """`job` needs `need`; without `artifacts` it only waits for it."""

    need: str
    job: str
    artifacts: bool = True


@dataclass(frozen=True, slots=True)
class Graph:
    """`stages` in order, each with its jobs as the pipeline has them."""

    stages: tuple[tuple[str, tuple[Vertex, ...]], ...]
    edges: tuple[Edge, ...]

    def needs_of(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for edge in self.edges:
            found.setdefault(edge.job, []).append(edge.need)
        return found

    def document(self) -> dict[str, Any]:
        return {
            "stages": [
                {"name": name, "jobs": [asdict(vertex) for vertex in jobs]} for name, jobs in self.stages
            ],
            "edges": [asdict(edge) for edge in self.edges],
        }


def graph_of(pipeline: PipelineDefinition) -> Graph:
    by_stage: dict[str, list[Vertex]] = {stage: [] for stage in pipeline.stages}
    for job in pipeline.jobs:
        by_stage[job.stage].append(_vertex(job))
    names = {job.name for job in pipeline.jobs}
    edges = [
        Edge(need.job, job.name, need.artifacts)
        for job in pipeline.jobs
        for need in job.needs or ()
        # A need may be of another pipeline.
        if need.job in names
    ]
    return Graph(tuple((stage, tuple(jobs)) for stage, jobs in by_stage.items()), tuple(edges))


def _vertex(job: JobDefinition) -> Vertex:
    waits = "stages" if job.needs is None else ("needs" if job.needs else "nothing")
    return Vertex(job.name, job.stage, str(job.when), job.allow_failure, waits)
