"""A pipeline's status from those of its jobs, line by line as GitLab composes it."""

from __future__ import annotations

from itertools import product

import pytest

from shipline.model.status import FINISHED, JobStatus, PipelineStatus
from shipline.pipeline import JobState, status_of

S = JobStatus
P = PipelineStatus


def job(number: int, status: JobStatus, *, may_fail: bool = False) -> JobState:
    return JobState(id=number, name=f"j{number}", stage=0, status=status, allow_failure=may_fail)


def of(*statuses: JobStatus) -> PipelineStatus:
    return status_of(job(number, status) for number, status in enumerate(statuses))


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "created"),
        ([S.SKIPPED], "skipped"),
        ([S.SUCCESS, S.SUCCESS], "success"),
        ([S.SUCCESS, S.SKIPPED], "success"),
        ([S.CREATED], "created"),
        ([S.CANCELED, S.SUCCESS], "canceled"),
        ([S.CANCELED, S.SKIPPED], "canceled"),
        ([S.PENDING, S.CREATED], "pending"),
        ([S.PENDING, S.SKIPPED], "pending"),
        ([S.SUCCESS, S.PENDING], "running"),
        ([S.PENDING, S.MANUAL], "running"),
        ([S.RUNNING, S.FAILED], "running"),
        ([S.RUNNING, S.CANCELING], "running"),
        ([S.RUNNING, S.WAITING_FOR_RESOURCE], "running"),
        ([S.PENDING, S.WAITING_FOR_RESOURCE], "running"),
        ([S.WAITING_FOR_RESOURCE], "waiting_for_resource"),
        ([S.SUCCESS, S.WAITING_FOR_RESOURCE, S.CREATED], "waiting_for_resource"),
        ([S.WAITING_FOR_RESOURCE, S.MANUAL], "waiting_for_resource"),
        ([S.FAILED, S.WAITING_FOR_RESOURCE], "waiting_for_resource"),
        ([S.MANUAL, S.SUCCESS], "manual"),
        ([S.MANUAL, S.CREATED], "manual"),
        ([S.MANUAL, S.SCHEDULED], "manual"),
        ([S.SCHEDULED, S.SUCCESS], "scheduled"),
        ([S.SCHEDULED, S.CREATED], "scheduled"),
        ([S.SUCCESS, S.CREATED], "running"),
        ([S.FAILED, S.CREATED], "running"),
        ([S.CANCELING, S.CREATED], "running"),
        ([S.CANCELING], "canceling"),
        ([S.CANCELING, S.SUCCESS], "canceling"),
        ([S.CANCELING, S.FAILED], "canceling"),
        ([S.FAILED, S.SKIPPED], "failed"),
        ([S.CANCELED, S.FAILED], "failed"),
    ],
)
def test_it_is_composed_from_the_jobs(statuses: list[JobStatus], expected: str) -> None:
    assert of(*statuses) == expected


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELED])
@pytest.mark.parametrize(
    ("other", "expected"),
    [(S.SUCCESS, "success"), (S.CREATED, "created"), (S.PENDING, "pending"), (S.CANCELED, "canceled")],
)
def test_what_may_fail_does_not_make_a_pipeline_red(
    status: JobStatus, other: JobStatus, expected: str
) -> None:
    assert status_of([job(1, status, may_fail=True), job(2, other)]) == expected
    assert status_of([job(1, status, may_fail=True)]) == "success"


@pytest.mark.parametrize(
    ("other", "expected"),
    [(S.SUCCESS, "success"), (S.SKIPPED, "skipped"), (S.CREATED, "created"), (S.PENDING, "pending")],
)
def test_a_manual_job_that_may_stay_undone_does_not_count(other: JobStatus, expected: str) -> None:
    assert status_of([job(1, S.MANUAL, may_fail=True), job(2, other)]) == expected
    assert status_of([job(1, S.MANUAL, may_fail=True)]) == "skipped"


def test_attempts_that_were_retried_do_not_count() -> None:
    old = JobState(id=1, name="a", stage=0, status=S.FAILED, retried=True)
    assert status_of([old, job(2, S.SUCCESS)]) == P.SUCCESS


def test_a_pipeline_is_over_just_when_all_its_jobs_are() -> None:
    over = {P.SUCCESS, P.FAILED, P.CANCELED, P.SKIPPED}
    for statuses in product(S, repeat=3):
        assert (of(*statuses) in over) == (set(statuses) <= FINISHED), statuses
