"""Where a new job belongs: its environment and its resource group, found or made."""

from __future__ import annotations

from shipline.compiler.keywords.environment import environment_slug
from shipline.coordinator.definitions import definition_of
from shipline.coordinator.deployments import create_deployment, from_now, is_duration
from shipline.coordinator.job_values import filled_in, values_before
from shipline.coordinator.models import Environment, Job, ResourceGroup
from shipline.errors import ShiplineError
from shipline.model.definition import Environment as WrittenEnvironment
from shipline.model.definition import JobDefinition
from shipline.model.environment import Tier, guess_tier, is_name


class InvalidEnvironment(ShiplineError):
    code = "invalid_environment"


def has_place(definition: JobDefinition) -> bool:
    return definition.environment is not None or definition.resource_group is not None


def place(job: Job) -> None:
    """Put a job that nothing has become of yet where it belongs; one that deploys gets its deployment. Raises
    InvalidEnvironment when the variables make no environment of what is written."""
    definition = definition_of(job)
    if definition.environment is not None:
        job.environment = _environment(job, definition, definition.environment)
    if definition.resource_group is not None:
        job.resource_group = _resource_group(job, definition, definition.resource_group)
    job.save(update_fields=["environment", "resource_group"])
    create_deployment(job, definition)


def _environment(job: Job, definition: JobDefinition, written: WrittenEnvironment) -> Environment:
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


def _resource_group(job: Job, definition: JobDefinition, written: str) -> ResourceGroup | None:
    """None when the variables leave nothing of its key, or something that is none: GitLab runs such a job
    beside all others, and so do we; its log says so."""
    key = filled_in(written, values_before(job, definition))
    return ResourceGroup.objects.get_or_create(project=job.project, key=key)[0] if is_name(key) else None
