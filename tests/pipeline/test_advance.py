"""Transcripts: jobs and their statuses in, steps out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipline.model.definition import Need, Retry, When
from shipline.model.status import JobStatus
from shipline.pipeline import Change, JobState, PipelineState, RetryJob, advance, enqueue, next_wake
from shipline.pipeline.deployments import OUTDATED

S = JobStatus
NOW = 1000.0


def job(name: str, stage: int = 0, status: JobStatus = S.CREATED, **fields: object) -> JobState:
    return replace(
        JobState(id=sum(map(ord, name)) * 31 + len(name), name=name, stage=stage, status=status), **fields
    )  # type: ignore[arg-type]


def told(*jobs: JobState, now: float = NOW) -> dict[str, str]:
    names = {one.id: one.name for one in jobs}
    return {
        names[step.job]: "retry" if isinstance(step, RetryJob) else str(step.status)
        for step in advance(PipelineState(jobs), now)
    }


def test_the_first_stage_starts_and_the_others_wait() -> None:
    assert told(job("a"), job("b"), job("c", 1)) == {"a": "pending", "b": "pending"}


def test_a_stage_starts_when_all_before_it_have_succeeded() -> None:
    assert told(job("a", 0, S.SUCCESS), job("b", 0, S.RUNNING), job("c", 1)) == {}
    assert told(job("a", 0, S.SUCCESS), job("b", 0, S.SUCCESS), job("c", 1)) == {"c": "pending"}


def test_a_failure_skips_everything_behind_it_at_once() -> None:
    assert told(job("a", 0, S.FAILED), job("b", 1), job("c", 2)) == {"b": "skipped", "c": "skipped"}


def test_a_failure_still_waits_for_its_stage() -> None:
    assert told(job("a", 0, S.FAILED), job("b", 0, S.RUNNING), job("c", 1)) == {}


def test_an_allowed_failure_counts_as_success() -> None:
    assert told(job("a", 0, S.FAILED, allow_failure=True), job("b", 1)) == {"b": "pending"}


@pytest.mark.parametrize(("code", "then"), [(7, "pending"), (8, "skipped")])
def test_a_failure_may_be_allowed_by_its_exit_code(code: int, then: str) -> None:
    failed = job("a", 0, S.FAILED, exit_code=code, allow_failure_exit_codes=(7,))
    assert told(failed, job("b", 1)) == {"b": then}


def test_on_failure_runs_only_behind_a_failure() -> None:
    assert told(job("a", 0, S.FAILED), job("b", 1, when=When.ON_FAILURE)) == {"b": "pending"}
    assert told(job("a", 0, S.SUCCESS), job("b", 1, when=When.ON_FAILURE)) == {"b": "skipped"}


def test_always_runs_whatever_happened() -> None:
    assert told(job("a", 0, S.FAILED), job("b", 1, when=When.ALWAYS)) == {"b": "pending"}


def test_a_manual_job_waits_for_somebody_and_blocks_unless_it_may_fail() -> None:
    blocking = job("a", 0, when=When.MANUAL)
    assert told(blocking, job("b", 1)) == {"a": "manual"}
    optional = job("a", 0, when=When.MANUAL, allow_failure=True)
    assert told(optional, job("b", 1)) == {"a": "manual", "b": "pending"}


def test_a_delayed_job_is_scheduled_and_starts_when_it_is_due() -> None:
    steps = advance(PipelineState((job("a", when=When.DELAYED, start_in=60),)), NOW)
    assert [(step.status, step.scheduled_at) for step in steps if not isinstance(step, RetryJob)] == [
        (S.SCHEDULED, NOW + 60)
    ]
    waiting = job("a", 0, S.SCHEDULED, when=When.DELAYED, scheduled_at=NOW + 60)
    assert told(waiting, now=NOW + 59) == {}
    assert told(waiting, now=NOW + 60) == {"a": "pending"}
    assert next_wake(PipelineState((waiting,))) == NOW + 60


def test_needs_start_a_job_before_its_stage() -> None:
    jobs = (job("a", 0, S.SUCCESS), job("slow", 0, S.RUNNING), job("b", 1, needs=(Need("a"),)), job("c", 1))
    assert told(*jobs) == {"b": "pending"}


def test_empty_needs_start_at_once() -> None:
    assert told(job("a"), job("b", 2, needs=())) == {"a": "pending", "b": "pending"}


def test_a_skipped_need_skips_what_needs_it() -> None:
    jobs = (job("a", 0, S.FAILED), job("b", 1), job("c", 2, needs=(Need("b"),)))
    assert told(*jobs) == {"b": "skipped", "c": "skipped"}


def test_what_needs_a_job_that_nobody_has_to_start_is_skipped_and_holds_up_nothing() -> None:
    optional = job("a", 0, S.MANUAL, when=When.MANUAL, allow_failure=True)
    running = job("r", 0, S.RUNNING)
    needing = job("b", 1, needs=(Need("a"), Need("r")))
    assert told(optional, running, needing) == {"b": "skipped"}
    assert told(optional, needing, job("c", 2)) == {"b": "skipped", "c": "pending"}
    blocking = replace(optional, allow_failure=False)
    assert told(blocking, needing, job("c", 2)) == {}


def test_always_runs_though_a_need_was_skipped_but_waits_for_the_others() -> None:
    always = job("b", 1, when=When.ALWAYS, needs=(Need("a"), Need("r")))
    skipped, running = job("a", 0, S.SKIPPED), job("r", 0, S.RUNNING)
    assert told(skipped, running, always) == {}
    assert told(skipped, replace(running, status=S.CANCELED), always) == {"b": "pending"}


def test_on_failure_does_not_run_when_one_of_its_needs_was_skipped() -> None:
    rollback = job("c", 2, when=When.ON_FAILURE, needs=(Need("a"), Need("b")))
    assert told(job("a", 0, S.FAILED), job("b", 1, S.SKIPPED), rollback) == {"c": "skipped"}
    assert told(job("a", 0, S.FAILED), job("b", 1, S.SUCCESS), rollback) == {"c": "pending"}


@pytest.mark.parametrize("needs", [None, (Need("a"),)])
def test_what_was_canceled_has_not_failed(needs: tuple[Need, ...] | None) -> None:
    canceled, rollback = job("a", 0, S.CANCELED), job("b", 1, when=When.ON_FAILURE, needs=needs)
    assert told(canceled, rollback, job("c", 1, needs=needs)) == {"b": "skipped", "c": "skipped"}
    assert told(canceled, job("b", 1, when=When.ALWAYS, needs=needs)) == {"b": "pending"}


def test_needs_within_a_stage_are_followed() -> None:
    assert told(job("a", 0, S.FAILED), job("b", 0, needs=(Need("a"),)), job("c", 0, needs=(Need("b"),))) == {
        "b": "skipped",
        "c": "skipped",
    }


def test_an_absent_optional_need_is_as_if_not_written() -> None:
    assert told(job("b", 1, needs=(Need("gone", optional=True),))) == {"b": "pending"}


def test_a_failed_job_with_tries_left_is_retried_and_holds_up_the_rest() -> None:
    failed = job("a", 0, S.FAILED, retry=Retry(1), failure_reason="script_failure")
    assert told(failed, job("b", 1)) == {"a": "retry"}
    second = replace(failed, id=99, attempt=1)
    assert told(replace(failed, retried=True), second, job("b", 1)) == {"b": "skipped"}


def test_retry_looks_at_the_reason_and_the_exit_code() -> None:
    only_system = Retry(2, ("runner_system_failure",))
    assert told(job("a", 0, S.FAILED, retry=only_system, failure_reason="script_failure")) == {}
    assert told(job("a", 0, S.FAILED, retry=only_system, failure_reason="runner_system_failure")) == {
        "a": "retry"
    }
    assert told(job("a", 0, S.FAILED, retry=Retry(2, (), (137,)), exit_code=137)) == {"a": "retry"}


@pytest.mark.parametrize("reason", [OUTDATED, "environment_creation_failure", "missing_dependency_failure"])
def test_what_would_fail_again_for_the_same_reason_is_not_tried_again(reason: str) -> None:
    assert told(job("a", 0, S.FAILED, failure_reason=reason, retry=Retry(2))) == {}


@pytest.mark.parametrize("when", [When.MANUAL, When.DELAYED, When.ON_SUCCESS])
def test_a_job_that_somebody_has_started_is_tried_again_without_being_asked_for_again(when: When) -> None:
    failed = job("a", 0, S.FAILED, when=when, retry=Retry(1))
    (step,) = advance(PipelineState((failed,)), NOW)
    assert isinstance(step, RetryJob)
    assert step.at_once == (when is not When.ON_SUCCESS)


def test_a_job_of_a_resource_group_waits_for_it_and_starts_when_it_has_it() -> None:
    assert told(job("a", resource_group="production")) == {"a": "waiting_for_resource"}
    waiting = job("a", 0, S.WAITING_FOR_RESOURCE, resource_group="production")
    assert told(waiting, job("b", 1)) == {}
    assert told(replace(waiting, holds_resource=True), job("b", 1)) == {"a": "pending"}


def test_a_delayed_job_waits_for_its_resource_when_it_is_due() -> None:
    due = job("a", 0, S.SCHEDULED, when=When.DELAYED, scheduled_at=NOW, resource_group="production")
    assert told(due) == {"a": "waiting_for_resource"}


def test_a_manual_job_takes_no_resource_before_it_is_played() -> None:
    assert told(job("a", when=When.MANUAL, resource_group="production")) == {"a": "manual"}
    played = enqueue(job("a", 0, S.MANUAL, resource_group="production"), "somebody started it")
    assert played.status is S.WAITING_FOR_RESOURCE


def test_an_outdated_deployment_fails_instead_of_running_and_is_not_tried_again() -> None:
    old = job("a", outdated="it is older", retry=Retry(2))
    (step,) = advance(PipelineState((old, job("b", 1))), NOW)[:1]
    assert isinstance(step, Change)
    assert (step.status, step.reason, step.failure_reason) == (S.FAILED, "it is older", OUTDATED)
    assert told(old, job("b", 1)) == {"a": "failed", "b": "skipped"}


def test_a_deployment_that_becomes_outdated_while_it_waits_for_its_resource_gives_up() -> None:
    waiting = job("a", 0, S.WAITING_FOR_RESOURCE, resource_group="production", outdated="it is older")
    assert told(waiting) == {"a": "failed"}


def test_five_thousand_jobs_are_decided_in_one_pass() -> None:
    jobs = tuple(JobState(id=number, name=f"j{number}", stage=number % 10) for number in range(5000))
    assert len(advance(PipelineState(jobs), NOW)) == 500
