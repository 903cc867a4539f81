"""Who may start a pipeline, and with what."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from shipline.coordinator import access, protections
from shipline.coordinator.models import Job, Project
from shipline.errors import ShiplineError

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# Who may give variables to a pipeline, by the project's setting.
OVERRIDE_LEVELS = {
    "developer": access.DEVELOPER,
    "maintainer": access.MAINTAINER,
    "owner": access.OWNER,
    "no_one_allowed": access.OWNER + 1,
}


class NotAllowed(ShiplineError):
    code = "not_allowed"


def check_may_run(user: User | AnonymousUser | None, project: Project, ref_type: str, ref: str) -> None:
    """Raises NotAllowed. For a protected branch or tag it takes the right to bring code there: its pipelines have
    the protected variables. Schedules and trigger jobs come in the name of users who may have been blocked since."""
    if user is not None and user.is_authenticated and not user.is_active:
        raise NotAllowed(f"User {user.get_username()} is blocked and may not run pipelines.")
    if not access.may(user, project, access.Ability.CREATE_PIPELINE):
        raise NotAllowed(
            f"You may not run pipelines in {project.path_with_namespace}: that takes a Developer."
        )
    if not protections.may_run_on(user, project, ref, ref_type):
        raise NotAllowed(f"You do not have sufficient permission to run a pipeline on '{ref}'.")


def check_may_run_again(user: User | AnonymousUser | None, job: Job, action: str) -> None:
    """Raises NotAllowed: to play or retry a job takes what it takes to run its pipeline; cancelling does not."""
    if action in ("play", "retry"):
        check_may_run(user, job.project, *protections.ref_of(job.pipeline))


def check_may_give(
    user: User | AnonymousUser | None, project: Project, variables: Collection[object]
) -> None:
    """Raises NotAllowed when there are variables, and the user may not set any."""
    role = project.ci_pipeline_variables_minimum_override_role
    if variables and access.level(user, project) < OVERRIDE_LEVELS.get(role, access.OWNER + 1):
        raise NotAllowed(
            "Insufficient permissions to set pipeline variables: this project's "
            f"ci_pipeline_variables_minimum_override_role is {role}."
        )
