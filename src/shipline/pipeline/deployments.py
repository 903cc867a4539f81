"""Deployments: what becomes of one as its job goes on, and which come too late. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shipline.model.status import JobStatus

# GitLab's failure reason today; what older versions called forward_deployment_failure.
OUTDATED = "failed_outdated_deployment_job"


class DeploymentStatus(StrEnum):
    """`blocked`: its job is manual and nobody has started it."""

    CREATED = "created"
    BLOCKED = "blocked"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


_D = DeploymentStatus
FINISHED_DEPLOYMENT = frozenset({_D.SUCCESS, _D.FAILED, _D.CANCELED})
_FOLLOWS = {
    JobStatus.CREATED: _D.CREATED,
    JobStatus.MANUAL: _D.BLOCKED,
    JobStatus.RUNNING: _D.RUNNING,
    JobStatus.SUCCESS: _D.SUCCESS,
    JobStatus.FAILED: _D.FAILED,
    JobStatus.CANCELED: _D.CANCELED,
    JobStatus.SKIPPED: _D.SKIPPED,
}


def follows(job: JobStatus) -> DeploymentStatus | None:
    """What a deployment becomes when its job becomes that; None when it stays what it is."""
    return _FOLLOWS.get(job)


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """Ids grow with time: of two deployments the one that was created later has the larger."""

    id: int
    sha: str


def is_outdated(deployment: DeploymentState, last: DeploymentState | None) -> bool:
    """True when a newer deployment of another commit has succeeded (`last`): this one would roll it back."""
    return last is not None and deployment.id < last.id and deployment.sha != last.sha


def outdated_words(environment: str, last_iid: int) -> str:
    return f"it is older than the latest deployment to {environment} (deployment {last_iid})"
