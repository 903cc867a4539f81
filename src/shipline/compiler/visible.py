"""The variables that an expression sees, by the place where it stands. Pure.

From low to high: predefined, the YAML's, and what was set for the project and the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable

from shipline.compiler.facts import PushFacts
from shipline.compiler.predefined import slug
from shipline.compiler.values import Seen
from shipline.model.definition import JobDefinition, When
from shipline.model.expansion import expand
from shipline.model.variable import Variable

# Known only from the moment that the jobs are looked at.
AFTER_INCLUDES = (
    "GITLAB_USER_EMAIL", "GITLAB_USER_ID", "GITLAB_USER_LOGIN", "GITLAB_USER_NAME", "CI_NODE_TOTAL",
    "CI_PIPELINE_IID", "CI_PIPELINE_TRIGGERED", "CI_TRIGGER_SHORT_TOKEN", "CI_DEBUG_TRACE", "CI_DEBUG_SERVICES",
    "TRIGGER_PAYLOAD",
)  # fmt: skip


def for_includes(facts: PushFacts) -> dict[str, str]:
    """For `include` and its rules: nothing of the YAML, nothing of the user."""
    values = {variable.key: variable.value for variable in facts.predefined}
    for name in AFTER_INCLUDES:
        values.pop(name, None)
    return values | _plain(facts.settings)


class Visible:
    """For workflow and jobs of one pipeline."""

    def __init__(self, facts: PushFacts) -> None:
        self.own_settings = facts.settings
        self.settings = _plain(facts.settings)
        self.set_for = facts.set_for
        self.predefined = {"CI_NODE_TOTAL": "1", "CI_PIPELINE_IID": "", **_plain(facts.predefined)}

    def workflow(self, variables: tuple[Variable, ...]) -> Seen:
        layers = (self.own_settings, variables)
        return Seen(self.settings, _plain(variables), self.predefined, layers=layers)

    def job(self, job: JobDefinition) -> Seen:
        """`job.variables` are the whole YAML's, as the job inherits them."""
        found = self._job(job, ())
        if job.environment is None:
            return found
        # Where it deploys to may be made of variables itself.
        more = self.set_for(expand(job.environment.name, found.expanded))
        return self._job(job, more) if more else found

    def _job(self, job: JobDefinition, more: tuple[Variable, ...]) -> Seen:
        settings = self.settings | _plain(more) if more else self.settings
        layers = (more, self.own_settings, job.variables)
        return Seen(settings, _plain(job.variables), job_variables(job), self.predefined, layers=layers)


def job_variables(job: JobDefinition) -> dict[str, str]:
    """Predefined variables of a job that are known before it exists."""
    values = {
        "CI_JOB_NAME": job.name,
        "CI_JOB_NAME_SLUG": slug(job.name),
        "CI_JOB_STAGE": job.stage,
        "CI_JOB_GROUP_NAME": job.group or job.name,
        "CI_NODE_TOTAL": str(job.node_total or 1),
    }
    if job.node_index is not None:
        values["CI_NODE_INDEX"] = str(job.node_index)
    if job.when in (When.MANUAL, When.DELAYED):
        values["CI_JOB_MANUAL"] = "true"
    environment = job.environment
    if environment is not None:
        values["CI_ENVIRONMENT_NAME"] = environment.name
        values["CI_ENVIRONMENT_ACTION"] = environment.action
        if environment.deployment_tier is not None:
            values["CI_ENVIRONMENT_TIER"] = environment.deployment_tier
        if environment.url is not None:
            values["CI_ENVIRONMENT_URL"] = environment.url
    return values


def _plain(variables: Iterable[Variable]) -> dict[str, str]:
    return {variable.key: variable.value for variable in variables}
