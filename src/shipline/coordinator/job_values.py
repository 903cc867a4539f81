"""The variables by which the server itself reads what a job says of environments and resource groups."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.compiler.visible import job_variables
from shipline.coordinator.definitions import VARIABLES, predefined_of
from shipline.coordinator.dependencies import sources_of
from shipline.coordinator.environment_variables import JobEnvironment, environment_variables
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.stored import Unreadable, read_dotenv
from shipline.coordinator.variables import settings_variables
from shipline.model.definition import JobDefinition
from shipline.model.environment import scoped_values
from shipline.model.expansion import expand, expand_all
from shipline.model.variable import ABOVE_ALL, SettingsVariable, Variable, last_wins


def job_environment(job: Job, definition: JobDefinition) -> JobEnvironment | None:
    """None for a job without one."""
    found, written = job.environment, definition.environment
    if found is None or written is None:
        return None
    tier = written.deployment_tier or found.tier
    url = written.url or found.external_url
    return JobEnvironment(found.pk, found.name, found.slug, tier, written.action, url)


def values_before(job: Job, definition: JobDefinition) -> dict[str, str]:
    """What is known when the job is created."""
    return _expanded(_known(job, definition, ()))


def values_handed_on(job: Job, definition: JobDefinition) -> dict[str, str]:
    """What is known when the job's turn has come: also what others have handed on to it."""
    handed_on = [one for one in sources_of(job, definition) if one.file_type == "dotenv"]
    inherited = [variable for artifact in handed_on for variable in read_dotenv(artifact)]
    return _expanded(_known(job, definition, inherited))


def values_after(job: Job, definition: JobDefinition) -> dict[str, str]:
    """What is known when the job has ended: what others handed on to it, and what it has reported itself."""
    handed_on = [one for one in sources_of(job, definition) if one.file_type == "dotenv"]
    own = job.artifacts.filter(file_type="dotenv")
    inherited = [variable for artifact in handed_on for variable in _reported(artifact)]
    reported = [variable for artifact in own for variable in _reported(artifact)]
    environment = environment_variables(job_environment(job, definition))
    return _expanded((*_known(job, definition, inherited), *reported, *environment))


def _reported(artifact: JobArtifact) -> tuple[Variable, ...]:
    """Nothing when it cannot be read any more: the job is over, and nobody is helped by failing now."""
    try:
        return read_dotenv(artifact)
    except (OSError, Unreadable):
        return ()


def _known(job: Job, definition: JobDefinition, handed_on: Iterable[Variable]) -> tuple[Variable, ...]:
    """From low to high, as in the job."""
    own = {
        **job_variables(definition),
        "CI_JOB_ID": str(job.pk),
        "CI_PIPELINE_ID": str(job.pipeline_id),
        "CI_PIPELINE_IID": str(job.pipeline.iid),
    }
    name = job.environment.name if job.environment is not None else None
    return (
        *predefined_of(job.pipeline),
        *(Variable(key, value, raw=True) for key, value in own.items()),
        *environment_variables(job_environment(job, definition)),
        *definition.variables,
        *handed_on,
        *scoped_values(settings_variables(job.project), name, protected=job.pipeline.protected),
        *(one.variable for one in given_variables(job)),
    )


def given_variables(job: Job) -> tuple[SettingsVariable, ...]:
    """What the pipeline was started with, and over it what the job was: they are above all others."""
    found = (*VARIABLES.validate_python(job.pipeline.variables), *VARIABLES.validate_python(job.variables))
    return tuple(SettingsVariable(variable, level=ABOVE_ALL) for variable in last_wins(found))


def _expanded(variables: Iterable[Variable]) -> dict[str, str]:
    return {variable.key: variable.value for variable in expand_all(last_wins(variables))}


def filled_in(text: str, values: dict[str, str]) -> str:
    """`text` with its variables replaced; unknown ones become empty."""
    return expand(text, values.get)
