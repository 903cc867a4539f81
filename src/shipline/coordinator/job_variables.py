"""The variables of a job that the coordinator itself needs: what triggers and needs of other pipelines name."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.coordinator.job_values import given_variables, values_handed_on
from shipline.coordinator.models import Job
from shipline.coordinator.services import services
from shipline.coordinator.variables import settings_variables
from shipline.model.definition import JobDefinition


def values_of(job: Job, definition: JobDefinition) -> dict[str, str]:
    """Their values, with references to one another resolved."""
    base = f"{services().config.coordinator.external_url}/{job.project.path_with_namespace}"
    return {
        "CI_PIPELINE_URL": f"{base}/-/pipelines/{job.pipeline_id}",
        **values_handed_on(job, definition),
    }


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
