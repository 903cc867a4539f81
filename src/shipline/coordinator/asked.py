"""What a pipeline is asked for with. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shipline.compiler import Problem
from shipline.model.variable import Variable

if TYPE_CHECKING:
    from shipline.coordinator.models import Job, MergeRequest, Pipeline, PipelineSchedule


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref of a push. `ref_type` is branch or tag."""

    ref: str
    ref_type: str
    before: str
    after: str


def _nobody_else() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything beside the commit. `upstream` is the job that starts the pipeline, `configuration` its text
    where that is not the project's file (a child pipeline's). `keep_invalid` False: of a configuration that is
    wrong no pipeline is kept. `claim` is called in the transaction that stores the pipeline: False when another
    has made it already, and then nothing is stored."""

    variables: tuple[Variable, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    upstream: Job | None = None
    merge_request: MergeRequest | None = None
    schedule: PipelineSchedule | None = None
    configuration: str | None = None
    keep_invalid: bool = True
    claim: Callable[[], bool] = _nobody_else


NOTHING_MORE = Asked()


@dataclass(frozen=True, slots=True)
class Created:
    """What became of it: a pipeline (which may have failed at once), or none and why. `details` are lines that
    say more: which rule of which job."""

    pipeline: Pipeline | None
    errors: tuple[Problem, ...] = ()
    why_not: str = ""
    details: tuple[str, ...] = ()
