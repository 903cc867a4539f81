"""The variables of a job that the coordinator itself needs: what triggers and needs of other pipelines name."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.coordinator.artifacts import read_dotenv
from shipline.coordinator.models import Job, JobArtifact
from shipline.coordinator.progress import VARIABLES, predefined_of
from shipline.coordinator.projects import settings_variables
from shipline.coordinator.services import services
from shipline.model.definition import JobDefinition
from shipline.model.expansion import expand_all
from shipline.model.variable import SettingsVariable, Variable, last_wins


def given_variables(job: Job) -> tuple[SettingsVariable, ...]:
    """What the pipeline was started with, and over it what the job was: they are above all others."""
    found = (*VARIABLES.validate_python(job.pipeline.variables), *VARIABLES.validate_python(job.variables))
    return tuple(SettingsVariable(variable) for variable in last_wins(found))


def values_of(job: Job, definition: JobDefinition) -> dict[str, str]:
    """Their values, with references to one another resolved. Of the job's own environment nothing is known."""
    pipeline = job.pipeline
    settings = (
        one.variable for one in settings_variables(job.project) if pipeline.protected or not one.protected
    )
    base = f"{services().config.coordinator.external_url}/{job.project.path_with_namespace}"
    own = {
        "CI_JOB_ID": str(job.pk),
        "CI_JOB_NAME": job.name,
        "CI_JOB_STAGE": job.stage,
        "CI_PIPELINE_ID": str(pipeline.pk),
        "CI_PIPELINE_IID": str(pipeline.iid),
        "CI_PIPELINE_URL": f"{base}/-/pipelines/{pipeline.pk}",
    }
    layers = (
        *predefined_of(pipeline),
        *(Variable(key, value, raw=True) for key, value in own.items()),
        *definition.variables,
        *_dotenv(job, definition),
        *settings,
        *(one.variable for one in given_variables(job)),
    )
    return {variable.key: variable.value for variable in expand_all(last_wins(layers))}


def secrets_of(job: Job) -> tuple[str, ...]:
    """Values that no log shows."""
    given = (one.variable for one in given_variables(job))
    of_project = (one.variable for one in settings_variables(job.project))
    return tuple(variable.value for variable in (*of_project, *given) if variable.masked)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """`text` as it may be shown: values of variables may have come into it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[MASKED]")
    return text


def _dotenv(job: Job, definition: JobDefinition) -> list[Variable]:
    rows = JobArtifact.objects.filter(job__pipeline=job.pipeline_id, job__retried=False, file_type="dotenv")
    if definition.needs is not None:
        rows = rows.filter(job__name__in=[need.job for need in definition.needs if need.artifacts])
    else:
        rows = rows.filter(job__stage_index__lt=job.stage_index)
    return [variable for row in rows.order_by("job_id") for variable in read_dotenv(row)]
