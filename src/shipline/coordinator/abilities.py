"""What a job asks for that is compiled and carried, but not carried out here yet. Pure.

A job that cannot mean what its author wrote fails before it starts; one that only misses a convenience runs,
and its log says what had no effect. Nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shipline.coordinator.job_secrets import unreadable
from shipline.model.definition import JobDefinition

_NEEDED: Mapping[str, Callable[[JobDefinition], object]] = {
    "identity": lambda job: job.identity,
    "dast_configuration": lambda job: job.dast_configuration,
}
_WELCOME: Mapping[str, Callable[[JobDefinition], object]] = {
    "environment:kubernetes": lambda job: job.environment and job.environment.kubernetes,
    "pages": lambda job: job.pages,
    "release:milestones": lambda job: job.release and job.release.milestones,
}


def missing(job: JobDefinition) -> str:
    """Why the job cannot run, in a sentence; empty when it can."""
    names = [name for name, wanted in _NEEDED.items() if wanted(job)]
    names += [f"secrets:{name} (of a store that it does not know)" for name in unreadable(job)]
    return f"shipline cannot carry out {', '.join(names)} yet" if names else ""


def without_effect(job: JobDefinition) -> str:
    """What the job will do without, in a sentence; empty when it has everything."""
    names = [name for name, wanted in _WELCOME.items() if wanted(job)]
    return f"Without effect here yet: {', '.join(names)}" if names else ""
