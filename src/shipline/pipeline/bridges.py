"""Trigger jobs: whether their pipeline may be made, what it gets, and what its status means for them. Pure.

The words for what is refused are GitLab's failure reasons of such jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from shipline.model.definition import Trigger
from shipline.model.expansion import expand
from shipline.model.status import PIPELINE_FINISHED, JobStatus, PipelineStatus
from shipline.model.variable import Variable, last_wins

# A pipeline, its child and the child's child: no further.
CHILD_LEVELS = 2
# Pipelines that hang together by triggers, of all projects.
FAMILY_LIMIT = 1000
# The same project, ref and source may stand so often in one line of pipelines.
REPEATS = 2

REASONS = {
    "downstream_bridge_project_not_found": "there is no such project, or it may not be seen",
    "upstream_bridge_project_not_found": "there is no such project, or it may not be seen",
    "insufficient_bridge_permissions": "whoever started this pipeline may not run one there",
    "invalid_bridge_trigger": "it says neither a project nor a file that is to be run",
    "bridge_pipeline_is_child_pipeline": "a child pipeline cannot be started like this",
    "downstream_pipeline_creation_failed": "its pipeline could not be made",
    "reached_max_descendant_pipelines_depth": f"child pipelines go {CHILD_LEVELS} levels deep, no further",
    "reached_max_pipeline_hierarchy_size": f"{FAMILY_LIMIT} pipelines have come of one another already",
    "pipeline_loop_detected": "pipelines start one another in a circle",
}


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A pipeline of the line that leads up from a trigger job."""

    project: int
    ref: str
    source: str

    @property
    def is_child(self) -> bool:
        return self.source == "parent_pipeline"


def refusal(*, child: bool, line: Sequence[Ancestor], family: int) -> str | None:
    """Why a trigger job may start nothing. `line` begins with the job's own pipeline and goes up; `family` is
    how many pipelines hang together with it."""
    if family >= FAMILY_LIMIT:
        return "reached_max_pipeline_hierarchy_size"
    if child:
        levels = 0
        for pipeline in line:
            levels += 1
            if not pipeline.is_child:
                break
        return "reached_max_descendant_pipelines_depth" if levels > CHILD_LEVELS else None
    counted = Counter(pipeline for pipeline in line if not pipeline.is_child)
    return "pipeline_loop_detected" if any(count > REPEATS for count in counted.values()) else None


def outcome(strategy: str | None, status: PipelineStatus) -> JobStatus | None:
    """What becomes of a trigger job that follows its pipeline; None: it goes on waiting."""
    if strategy is None or status not in PIPELINE_FINISHED:
        return None
    if status is PipelineStatus.SUCCESS:
        return JobStatus.SUCCESS
    if status is PipelineStatus.CANCELED:
        return JobStatus.CANCELED
    if status is PipelineStatus.SKIPPED and strategy == "mirror":
        return JobStatus.SKIPPED
    return JobStatus.FAILED


def forwarded(
    trigger: Trigger,
    own: Iterable[Variable],
    of_pipeline: Iterable[Variable],
    value_of: Callable[[str], str | None],
    secrets: Iterable[str] = (),
) -> tuple[Variable, ...]:
    """The variables that a triggered pipeline gets: the job's `own`, with the values of this pipeline put in,
    and those that this pipeline was started with. What holds one of `secrets` is masked there as well."""
    found: list[Variable] = []
    if trigger.forward_yaml_variables:
        found += [_expanded(variable, value_of, tuple(secrets)) for variable in own]
    if trigger.forward_pipeline_variables:
        found += of_pipeline
    return last_wins(found)


def _expanded(
    variable: Variable, value_of: Callable[[str], str | None], secrets: tuple[str, ...]
) -> Variable:
    if variable.raw:
        return variable
    value = expand(variable.value, value_of)
    secret = variable.masked or any(text and text in value for text in secrets)
    # The value is final: a dollar that came in with it is no reference.
    return replace(variable, value=value, raw=True, masked=secret, public=variable.public and not secret)
