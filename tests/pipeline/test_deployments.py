from __future__ import annotations

import pytest

from shipline.model.status import JobStatus
from shipline.pipeline.deployments import DeploymentState, DeploymentStatus, follows, is_outdated


@pytest.mark.parametrize(
    ("deployment", "last", "outdated"),
    [
        (DeploymentState(1, "a"), None, False),
        (DeploymentState(1, "a"), DeploymentState(2, "b"), True),
        (DeploymentState(2, "b"), DeploymentState(1, "a"), False),
        (DeploymentState(1, "a"), DeploymentState(1, "a"), False),
        # The same commit again rolls nothing back.
        (DeploymentState(1, "a"), DeploymentState(2, "a"), False),
    ],
)
def test_a_deployment_is_outdated_when_a_newer_one_of_another_commit_has_succeeded(
    deployment: DeploymentState, last: DeploymentState | None, outdated: bool
) -> None:
    assert is_outdated(deployment, last) is outdated


def test_a_deployment_follows_its_job() -> None:
    assert follows(JobStatus.RUNNING) is DeploymentStatus.RUNNING
    assert follows(JobStatus.MANUAL) is DeploymentStatus.BLOCKED
    assert follows(JobStatus.SUCCESS) is DeploymentStatus.SUCCESS
    # A job that waits for a runner or a resource, or is being cancelled, changes nothing about it yet.
    waits = (JobStatus.PENDING, JobStatus.WAITING_FOR_RESOURCE, JobStatus.SCHEDULED, JobStatus.CANCELING)
    assert [follows(status) for status in waits] == [None] * 4
