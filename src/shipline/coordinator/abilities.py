"""What a job asks for that is compiled and carried, but not carried out here yet. Pure.

A job that cannot mean what its author wrote fails before it starts; one that only misses a convenience runs,
and its log says what had no effect. Nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shipline.model.definition import JobDefinition

_NEEDED: Mapping[str, Callable[[JobDefinition], object]] = {
    "trigger": lambda job: job.trigger,
    "run": lambda job: job.run,
    "inputs": lambda job: job.inputs,
    "secrets": lambda job: job.secrets,
    "id_tokens": lambda job: job.id_tokens,
    "identity": lambda job: job.identity,
    "release": lambda job: job.release,
    "resource_group": lambda job: job.resource_group,
    "needs of other pipelines": lambda job: job.cross_needs,
    "dast_configuration": lambda job: job.dast_configuration,
}
_WELCOME: Mapping[str, Callable[[JobDefinition], object]] = {
    "environment": lambda job: job.environment,
    "manual_confirmation": lambda job: job.manual_confirmation,
    "pages": lambda job: job.pages,
}


def missing(job: JobDefinition) -> str:
    """Why the job cannot run, in a sentence; empty when it can."""
    names = [name for name, wanted in _NEEDED.items() if wanted(job)]
    return f"shipline cannot carry out {', '.join(names)} yet" if names else ""


def without_effect(job: JobDefinition) -> str:
    """What the job will do without, in a sentence; empty when it has everything."""
    names = [name for name, wanted in _WELCOME.items() if wanted(job)]
    return f"Without effect here yet: {', '.join(names)}" if names else ""
