"""Transcripts: who waits and who holds in, who gets the resource out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.model.status import JobStatus
from shipline.pipeline.resources import Contender, Holder, ProcessMode, in_line, next_holder, why_waiting

S = JobStatus
M = ProcessMode


def waiting(job: int, pipeline: int, since: float = 0.0) -> Contender:
    return Contender(job, pipeline, S.WAITING_FOR_RESOURCE, since)


def upcoming(job: int, pipeline: int, status: JobStatus = S.CREATED) -> Contender:
    return Contender(job, pipeline, status)


@pytest.mark.parametrize("mode", list(M))
def test_nobody_gets_what_somebody_has(mode: ProcessMode) -> None:
    assert next_holder([waiting(2, 2)], Holder(1, 1), mode) is None


@pytest.mark.parametrize("mode", list(M))
def test_the_only_one_gets_it_and_of_nobody_nobody(mode: ProcessMode) -> None:
    assert next_holder([waiting(2, 2)], None, mode) == 2
    assert next_holder([], None, mode) is None


def test_unordered_is_first_come_first_served() -> None:
    found = [waiting(1, 1, since=30.0), waiting(2, 2, since=20.0), waiting(3, 3, since=25.0), upcoming(4, 0)]
    assert next_holder(found, None, M.UNORDERED) == 2


def test_oldest_first_takes_the_oldest_pipeline_and_waits_for_what_is_still_to_come_in_it() -> None:
    assert next_holder([waiting(3, 3), waiting(2, 2)], None, M.OLDEST_FIRST) == 2
    assert next_holder([waiting(3, 3), waiting(2, 2), upcoming(1, 1)], None, M.OLDEST_FIRST) is None
    assert next_holder([waiting(3, 3), upcoming(1, 1, S.SCHEDULED)], None, M.OLDEST_FIRST) is None


def test_newest_first_takes_the_newest_pipeline_and_waits_for_what_is_still_to_come_in_it() -> None:
    assert next_holder([waiting(3, 3), waiting(2, 2), upcoming(1, 1)], None, M.NEWEST_FIRST) == 3
    assert next_holder([waiting(3, 3), upcoming(4, 4)], None, M.NEWEST_FIRST) is None


def test_newest_ready_first_does_not_wait_for_what_is_still_to_come() -> None:
    assert next_holder([waiting(2, 2), waiting(3, 3), upcoming(4, 4)], None, M.NEWEST_READY_FIRST) == 3


@pytest.mark.parametrize("mode", [M.OLDEST_FIRST, M.NEWEST_FIRST])
def test_within_a_pipeline_who_waits_goes_before_who_is_still_to_come(mode: ProcessMode) -> None:
    assert next_holder([upcoming(1, 7), waiting(2, 7)], None, mode) == 2


def test_the_line_is_told_in_its_order() -> None:
    found = [waiting(3, 3), waiting(2, 2), upcoming(4, 4)]
    assert [one.job for one in in_line(found, M.NEWEST_FIRST)] == [4, 3, 2]
    assert [one.job for one in in_line(found, M.OLDEST_FIRST)] == [2, 3, 4]
    assert [one.job for one in in_line(found, M.NEWEST_READY_FIRST)] == [3, 2]


def test_who_waits_is_told_for_what() -> None:
    held = why_waiting("production", [waiting(2, 2)], Holder(12, 7), M.UNORDERED)
    assert held == "resource group production is held by #12 (pipeline #7)"
    behind = why_waiting("production", [waiting(2, 2), upcoming(1, 1)], None, M.OLDEST_FIRST)
    assert behind == "resource group production is oldest_first: #1 (pipeline #1) comes first and is created"


CONTENDERS = st.lists(
    st.builds(
        Contender,
        job=st.integers(1, 50),
        pipeline=st.integers(1, 9),
        status=st.sampled_from([S.WAITING_FOR_RESOURCE, S.CREATED, S.SCHEDULED, S.MANUAL, S.RUNNING]),
        since=st.none() | st.floats(0, 100),
    ),
    unique_by=lambda one: one.job,
)


@given(found=CONTENDERS, mode=st.sampled_from(list(M)))
def test_whoever_gets_it_was_waiting(found: list[Contender], mode: ProcessMode) -> None:
    chosen = next_holder(found, None, mode)
    waits = {one.job for one in found if one.is_waiting}
    assert chosen is None or chosen in waits
    if mode in (M.UNORDERED, M.NEWEST_READY_FIRST):
        # Nothing that is still to come holds anybody up.
        assert (chosen is None) == (not waits)


@given(found=CONTENDERS, mode=st.sampled_from(list(M)))
def test_the_choice_does_not_depend_on_the_order_of_the_rows(
    found: list[Contender], mode: ProcessMode
) -> None:
    assert next_holder(found, None, mode) == next_holder(found[::-1], None, mode)
