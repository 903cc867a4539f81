from __future__ import annotations

import pytest

from shipline.model.status import ACTIVE, FINISHED, JOB_TRANSITIONS, JobStatus, can_change


def test_every_status_stands_in_the_table() -> None:
    assert set(JOB_TRANSITIONS) == set(JobStatus)


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.CANCELED])
def test_a_finished_job_never_runs_again(status: JobStatus) -> None:
    assert not any(can_change(status, new) for new in JobStatus)


def test_only_a_pending_job_starts_to_run() -> None:
    assert [old for old in JobStatus if can_change(old, JobStatus.RUNNING)] == [JobStatus.PENDING]


def test_no_status_is_active_and_finished() -> None:
    assert not ACTIVE & FINISHED
