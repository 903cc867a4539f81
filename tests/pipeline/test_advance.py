"""Transcripts: jobs and their statuses in, steps out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.model.definition import Need, Retry, When
from shipline.model.status import ACTIVE, FINISHED, JobStatus
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
    assert told(job("a", 0, S.FAILED, failure_reason=OUTDATED, retry=Retry(2))) == {}


def test_a_deployment_that_becomes_outdated_while_it_waits_for_its_resource_gives_up() -> None:
    waiting = job("a", 0, S.WAITING_FOR_RESOURCE, resource_group="production", outdated="it is older")
    assert told(waiting) == {"a": "failed"}


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[JobState, ...]:
    count = draw(st.integers(1, 8))
    jobs: list[JobState] = []
    for number in range(count):
        earlier = [one.name for one in jobs]
        needs = draw(st.none() | st.lists(st.sampled_from(earlier), unique=True)) if earlier else None
        stage = max([draw(st.integers(0, 3)), *(one.stage for one in jobs if needs and one.name in needs)])
        jobs.append(
            JobState(
                id=number,
                name=f"j{number}",
                stage=stage,
                when=draw(st.sampled_from([When.ON_SUCCESS, When.ON_FAILURE, When.ALWAYS, When.MANUAL])),
                allow_failure=draw(st.booleans()),
                needs=None if needs is None else tuple(Need(name) for name in needs),
                retry=Retry(draw(st.integers(0, 2))),
            )
        )
    return tuple(jobs)


@given(pipelines(), st.data())
def test_every_pipeline_comes_to_an_end_and_no_job_runs_before_its_needs(
    jobs: tuple[JobState, ...], data: st.DataObject
) -> None:
    known = {one.id: one for one in jobs}
    for _ in range(200):
        steps = advance(PipelineState(tuple(known.values())), NOW)
        for step in steps:
            old = known[step.job]
            assert old.status not in FINISHED or isinstance(step, RetryJob)
            if isinstance(step, RetryJob):
                known[old.id] = replace(old, retried=True)
                fresh = replace(
                    old, id=len(known), status=S.CREATED, attempt=old.attempt + 1, failure_reason=""
                )
                known[fresh.id] = fresh
                continue
            known[old.id] = replace(old, status=step.status)
            if step.status is S.PENDING and old.needs is not None:
                names = {need.job for need in old.needs}
                current = [one for one in known.values() if not one.retried and one.name in names]
                assert all(one.status in FINISHED or one.status is S.MANUAL for one in current)
        if any(isinstance(step, RetryJob) for step in steps):
            continue  # the new attempts are for the next call
        assert advance(PipelineState(tuple(known.values())), NOW) == ()
        active = [one for one in known.values() if one.status in ACTIVE]
        manual = [one for one in known.values() if one.status is S.MANUAL]
        if active:
            chosen = data.draw(st.sampled_from(active))
            known[chosen.id] = replace(chosen, status=data.draw(st.sampled_from([S.SUCCESS, S.FAILED])))
        elif manual:
            known[manual[0].id] = replace(manual[0], status=S.PENDING)
        else:
            break
    assert all(one.status in FINISHED for one in known.values())


def test_five_thousand_jobs_are_decided_in_one_pass() -> None:
    jobs = tuple(JobState(id=number, name=f"j{number}", stage=number % 10) for number in range(5000))
    assert len(advance(PipelineState(jobs), NOW)) == 500
