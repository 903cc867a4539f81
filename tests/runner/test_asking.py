"""Who asks for a job, when, and whether the question may stay open: facts in, questions out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.runner.asking import Answered, Ask, Entry, Outcome, asked, asks, ended, heard, put_off, wake_at

INTERVAL = 3.0


def nothing(entry: Entry, question: Ask, now: float, version: str, took: float = 0.0) -> Entry:
    answer = Answered(Outcome.NOTHING, question, now - took, version)
    return heard(entry, answer, now, INTERVAL)


def ask_one(entry: Entry, now: float, concurrent: int = 1) -> tuple[Entry, Ask]:
    (question,) = asks([entry], concurrent, now)
    return asked(entry, question, now), question


def test_the_first_question_is_answered_at_once_and_the_second_waits_for_the_queue_to_change() -> None:
    entry, question = ask_one(Entry(1), 0.0)
    assert question == Ask(1, "")
    entry = nothing(entry, question, 0.1, "v1")
    entry, question = ask_one(entry, 0.1)
    assert question == Ask(1, "v1")
    assert asks([entry], 4, 0.2) == ()
    entry = nothing(entry, question, 50.1, "v1", took=50.0)
    entry, question = ask_one(entry, 50.1)
    assert question == Ask(1, "v1")


def test_a_server_that_keeps_no_questions_is_asked_once_in_every_interval() -> None:
    entry, question = ask_one(Entry(1, last_update="v1"), 10.0)
    entry = nothing(entry, question, 10.1, "v1", took=0.1)
    assert asks([entry], 1, 12.9) == ()
    assert wake_at([entry], 12.9) == pytest.approx(13.0)
    entry, question = ask_one(entry, 13.0)
    assert question == Ask(1, "v1")
    # Its queue has changed: once more at once, but not for ever.
    entry = nothing(entry, question, 13.1, "v2", took=0.1)
    entry, question = ask_one(entry, 13.1)
    entry = nothing(entry, question, 13.2, "v2", took=0.1)
    assert asks([entry], 1, 13.2) == ()


def test_a_server_that_tells_no_version_is_asked_once_in_every_interval() -> None:
    entry, question = ask_one(Entry(1), 0.0)
    entry = nothing(entry, question, 0.1, "", took=0.1)
    assert asks([entry], 1, 2.9) == ()
    assert asks([entry], 1, 3.0) == (Ask(1, ""),)


def test_after_a_job_the_next_question_comes_at_once_and_does_not_wait() -> None:
    entry, question = ask_one(Entry(1, last_update="v1"), 5.0, concurrent=2)
    entry = heard(entry, Answered(Outcome.JOB, question, 5.0), 6.0, INTERVAL)
    assert (entry.running, entry.asking, entry.waiting) == (1, 0, False)
    assert asks([entry], 2, 6.0) == (Ask(1, ""),)
    assert asks([entry], 1, 6.0) == ()
    assert asks([ended(entry)], 1, 6.0) == (Ask(1, ""),)


def test_the_limit_of_an_entry_counts_its_jobs_and_its_questions() -> None:
    assert asks([Entry(1, limit=2, running=2)], 10, 0.0) == ()
    assert asks([Entry(1, limit=2, running=1)], 10, 0.0) == (Ask(1, ""),)
    assert asks([Entry(1, limit=2, running=1, asking=1, request_concurrency=2)], 10, 0.0) == ()


def test_as_many_questions_are_open_as_request_concurrency_says() -> None:
    assert asks([Entry(1, asking=1)], 10, 0.0) == ()
    assert asks([Entry(1, asking=1, request_concurrency=2)], 10, 0.0) == (Ask(1, ""),)
    # Beside a question that waits for the queue to change, another would learn nothing.
    assert asks([Entry(1, asking=1, waiting=True, request_concurrency=2)], 10, 0.0) == ()


def test_with_fewer_places_than_entries_no_question_stays_open_and_all_have_their_turn() -> None:
    entries = {number: Entry(number, last_update="v1") for number in (1, 2, 3)}
    turns = []
    now = 0.0
    for _ in range(6):
        now = max(now, wake_at(list(entries.values()), now) or now)
        (question,) = asks(entries.values(), 1, now)
        assert question.last_update == ""
        turns.append(question.number)
        entry = asked(entries[question.number], question, now)
        entries[question.number] = nothing(entry, question, now + 0.1, "v1", took=0.1)
        now += 0.1
    assert turns == [1, 2, 3, 1, 2, 3]


def test_with_a_place_for_each_entry_all_questions_stay_open() -> None:
    entries = [Entry(1, last_update="a"), Entry(2, last_update="b")]
    assert asks(entries, 2, 0.0) == (Ask(1, "a"), Ask(2, "b"))


def test_an_entry_that_is_refused_again_and_again_rests_and_then_begins_anew() -> None:
    entry = Entry(1, unhealthy_requests_limit=2, unhealthy_interval=60.0)
    entry, question = ask_one(entry, 0.0)
    entry = heard(entry, Answered(Outcome.REFUSED, question, 0.0), 0.0, INTERVAL)
    assert not entry.rests
    entry, question = ask_one(entry, 3.0)
    entry = heard(entry, Answered(Outcome.REFUSED, question, 3.0), 3.0, INTERVAL)
    assert entry.rests
    assert wake_at([entry], 3.0) == 63.0
    assert asks([entry], 1, 62.9) == ()
    entry, question = ask_one(entry, 63.0)
    assert not entry.rests
    entry = heard(entry, Answered(Outcome.REFUSED, question, 63.0), 63.0, INTERVAL)
    assert not entry.rests


@pytest.mark.parametrize("outcome", [Outcome.NOTHING, Outcome.JOB, Outcome.LATER])
def test_one_healthy_answer_forgets_the_refusals_before(outcome: Outcome) -> None:
    entry = asked(Entry(1, unhealthy=2), Ask(1, ""), 0.0)
    assert heard(entry, Answered(outcome, Ask(1, ""), 0.0), 0.0, INTERVAL).unhealthy == 0


def test_a_server_that_has_too_much_to_do_is_left_alone_as_long_as_it_says() -> None:
    entry, question = ask_one(Entry(1), 0.0)
    entry = heard(entry, Answered(Outcome.LATER, question, 0.0, wait=20.0), 0.5, INTERVAL)
    assert asks([entry], 1, 20.4) == ()
    assert asks([entry], 1, 20.5) == (Ask(1, ""),)


def test_after_a_failure_it_is_tried_again_soon_but_never_later_than_the_interval() -> None:
    entry, question = ask_one(Entry(1), 0.0)
    soon = heard(entry, Answered(Outcome.FAILED, question, 0.0, wait=0.2), 1.0, INTERVAL)
    late = heard(entry, Answered(Outcome.FAILED, question, 0.0, wait=60.0), 1.0, INTERVAL)
    assert (soon.not_before, late.not_before) == (1.2, 4.0)
    assert (soon.failures, late.failures) == (1, 1)


def test_an_entry_that_left_the_config_asks_no_more() -> None:
    assert asks([Entry(1, leaving=True)], 4, 0.0) == ()
    assert wake_at([Entry(1, leaving=True, not_before=5.0)], 0.0) is None


entries_ = st.builds(
    Entry,
    st.just(0),
    limit=st.integers(0, 4),
    request_concurrency=st.integers(1, 3),
    asking=st.integers(0, 3),
    waiting=st.booleans(),
    running=st.integers(0, 4),
    last_update=st.sampled_from(["", "v"]),
    asked_at=st.floats(0, 100),
    not_before=st.floats(0, 100),
    leaving=st.booleans(),
)


@given(st.lists(entries_, max_size=6), st.integers(1, 12), st.floats(0, 100))
def test_questions_never_take_more_places_than_there_are(
    entries: list[Entry], concurrent: int, now: float
) -> None:
    numbered = [replace(one, number=number) for number, one in enumerate(entries)]
    found = asks(numbered, concurrent, now)
    held = sum(one.asking + one.running for one in numbered)
    assert not found or held + len(found) <= concurrent
    by_number = {one.number: one for one in numbered}
    for question in found:
        entry = asked(by_number[question.number], question, now)
        assert entry.asking <= entry.request_concurrency
        assert not entry.limit or entry.asking + entry.running <= entry.limit
    if not found:
        # Nothing to do now: either somebody is woken later, or everybody is full, or the places are.
        ready = [one for one in numbered if one.has_room() and one.not_before <= now]
        assert not ready or held >= concurrent


def test_an_entry_that_could_not_hold_a_job_asks_for_none_for_a_while() -> None:
    entry = put_off(Entry(1), 60.0)
    assert asks([entry], 1, 59.0) == ()
    assert wake_at([entry], 0.0) == 60.0
    assert [one.number for one in asks([entry], 1, 60.0)] == [1]
    assert put_off(entry, 30.0) == entry
    # What an open question is answered meanwhile changes nothing.
    entry, question = ask_one(Entry(1), 0.0)
    entry = nothing(put_off(entry, 60.0), question, 1.0, "v1")
    assert asks([entry], 2, 59.0) == ()
