"""What a job is told of its environment, in variables. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.model.variable import Variable


@dataclass(frozen=True, slots=True)
class JobEnvironment:
    """The environment of one job. `url` may still hold variables: who expands it knows more of them."""

    id: int
    name: str
    slug: str
    tier: str
    action: str = "start"
    url: str = ""


def environment_variables(environment: JobEnvironment | None) -> tuple[Variable, ...]:
    """GitLab's own; they stand above all others. None: the job has no environment."""
    if environment is None:
        return ()
    values = {
        "CI_ENVIRONMENT_ID": str(environment.id),
        "CI_ENVIRONMENT_NAME": environment.name,
        "CI_ENVIRONMENT_SLUG": environment.slug,
        "CI_ENVIRONMENT_ACTION": environment.action,
        "CI_ENVIRONMENT_TIER": environment.tier,
    }
    made = tuple(Variable(key, value, raw=True) for key, value in values.items())
    url = (Variable("CI_ENVIRONMENT_URL", environment.url),) if environment.url else ()
    return made + url
