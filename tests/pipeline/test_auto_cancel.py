"""What a newer pipeline, or a failed job, cancels."""

from __future__ import annotations

from shipline.model.status import JobStatus
from shipline.pipeline.auto_cancel import CancelableJob, OlderPipeline, after_failure, superseded

S = JobStatus
NEWER, SHA = 10, "b" * 40


def older(mode: str, *jobs: CancelableJob, number: int = 5, root: int | None = None) -> OlderPipeline:
    return OlderPipeline(number, root or number, "a" * 40, mode, jobs)


def job(number: int, status: JobStatus, interruptible: bool = False, begun: bool = False) -> CancelableJob:
    return CancelableJob(number, status, interruptible, begun)


def test_a_pipeline_of_which_nothing_has_begun_is_cancelled_whole() -> None:
    found = superseded(NEWER, SHA, [older("conservative", job(1, S.PENDING), job(2, S.CREATED))])
    assert found == {5: (1, 2)}


def test_a_conservative_one_goes_on_once_a_job_has_begun_that_may_not_be_interrupted() -> None:
    for begun in (job(1, S.RUNNING), job(1, S.SUCCESS), job(1, S.FAILED), job(1, S.CANCELED, begun=True)):
        assert superseded(NEWER, SHA, [older("conservative", begun, job(2, S.PENDING, True))]) == {}


def test_interruptible_jobs_that_have_begun_do_not_keep_it() -> None:
    jobs = (job(1, S.RUNNING, interruptible=True), job(2, S.SUCCESS, interruptible=True), job(3, S.CREATED))
    assert superseded(NEWER, SHA, [older("conservative", *jobs)]) == {5: (1, 3)}


def test_a_trigger_job_that_has_begun_does_not_keep_it() -> None:
    jobs = (CancelableJob(1, S.RUNNING, begun=True, bridge=True), job(2, S.CREATED))
    assert superseded(NEWER, SHA, [older("conservative", *jobs)]) == {5: (1, 2)}


def test_interruptible_mode_cancels_those_jobs_alone() -> None:
    jobs = (job(1, S.RUNNING), job(2, S.RUNNING, interruptible=True), job(3, S.CREATED, interruptible=True))
    assert superseded(NEWER, SHA, [older("interruptible", *jobs)]) == {5: (2, 3)}


def test_none_cancels_nothing() -> None:
    assert superseded(NEWER, SHA, [older("none", job(1, S.PENDING, True))]) == {}


def test_newer_pipelines_and_those_for_the_same_commit_stay() -> None:
    same = OlderPipeline(5, 5, SHA, "conservative", (job(1, S.PENDING),))
    newer = older("conservative", job(2, S.PENDING), number=11)
    assert superseded(NEWER, SHA, [same, newer]) == {}


def test_a_child_is_as_old_as_its_root() -> None:
    of_older = older("conservative", job(1, S.PENDING), number=12, root=5)
    of_newer = older("conservative", job(2, S.PENDING), number=13, root=11)
    assert superseded(NEWER, SHA, [of_older, of_newer]) == {12: (1,)}


def test_one_failure_cancels_the_rest_when_the_workflow_says_so() -> None:
    jobs = (job(1, S.FAILED), job(2, S.RUNNING), job(3, S.CREATED), job(4, S.SUCCESS), job(5, S.CANCELING))
    assert after_failure("all", jobs) == (2, 3)
    assert after_failure("none", jobs) == ()


def test_a_failure_that_is_allowed_cancels_nothing() -> None:
    jobs = (CancelableJob(1, S.FAILED, may_fail=True), job(2, S.RUNNING))
    assert after_failure("all", jobs) == ()


def test_what_was_started_again_after_the_failure_goes_on() -> None:
    failed = CancelableJob(1, S.FAILED, created_at=1, finished_at=5)
    again, rest = CancelableJob(2, S.PENDING, created_at=6), CancelableJob(3, S.RUNNING, created_at=1)
    assert after_failure("all", [failed, again, rest]) == (3,)
