"""What new jobs get besides their rows: an environment with a deployment, and a resource group."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.compiler.keywords.environment import environment_slug
from shipline.coordinator.definitions import definition_of
from shipline.coordinator.deployments import create_deployment, from_now, is_duration
from shipline.coordinator.job_values import filled_in, values_before
from shipline.coordinator.models import Environment, Job, Pipeline, ResourceGroup
from shipline.coordinator.progress import change_status
from shipline.errors import ShiplineError
from shipline.model.definition import JobDefinition
from shipline.model.environment import Tier, guess_tier, is_name
from shipline.model.status import JobStatus


class InvalidEnvironment(ShiplineError):
    code = "invalid_environment"


def prepare_jobs(pipeline: Pipeline, definitions: Iterable[JobDefinition]) -> None:
    """To be called once the rows of a pipeline's jobs are there, before anything becomes of them."""
    names = [one.name for one in definitions if one.environment is not None or one.resource_group is not None]
    if not names:
        return
    for job in Job.objects.select_related("pipeline", "project").filter(pipeline=pipeline, name__in=names):
        _prepare(job, definition_of(job))


def _prepare(job: Job, definition: JobDefinition) -> None:
    try:
        job.environment = _environment(job, definition)
    except InvalidEnvironment as error:
        change_status(job, JobStatus.FAILED, str(error), failure_reason="environment_creation_failure")
        return
    job.resource_group = _resource_group(job, definition)
    job.save(update_fields=["environment", "resource_group"])
    create_deployment(job, definition)


def _environment(job: Job, definition: JobDefinition) -> Environment | None:
    """Raises InvalidEnvironment when the variables make no environment of what is written."""
    written = definition.environment
    if written is None:
        return None
    values = values_before(job, definition)
    name = filled_in(written.name, values)
    if not is_name(name):
        raise InvalidEnvironment(f"environment:name {written.name} becomes {name!r}, which cannot be a name")
    if written.deployment_tier is not None and written.deployment_tier not in set(Tier):
        raise InvalidEnvironment(
            f"environment:deployment_tier {written.deployment_tier} is none of the tiers"
        )
    auto_stop_in = filled_in(written.auto_stop_in or "never", values)
    if not is_duration(auto_stop_in):
        raise InvalidEnvironment(f"environment:auto_stop_in becomes {auto_stop_in!r}, which is no duration")
    found, _ = Environment.objects.get_or_create(
        project=job.project,
        name=name,
        defaults={
            "slug": environment_slug(name),
            "tier": written.deployment_tier or guess_tier(name),
            "auto_stop_at": from_now(auto_stop_in),
        },
    )
    return found


def _resource_group(job: Job, definition: JobDefinition) -> ResourceGroup | None:
    """None when the variables leave nothing of its key, or something that is none: GitLab runs such a job
    beside all others, and so do we; its log says so."""
    if definition.resource_group is None:
        return None
    key = filled_in(definition.resource_group, values_before(job, definition))
    if not is_name(key):
        return None
    return ResourceGroup.objects.get_or_create(project=job.project, key=key)[0]
