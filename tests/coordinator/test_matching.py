"""Who may take which job, in which order, and why one waits: facts in, the answer out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.coordinator.matching import (
    PROJECT,
    Objection,
    RunnerFacts,
    Waiting,
    objection,
    queue_for,
    why_waiting,
)

ANY = RunnerFacts()


def runner(**facts: object) -> RunnerFacts:
    tags = frozenset(str(facts.pop("tags", "")).split())
    return RunnerFacts(tags=tags, **facts)  # type: ignore[arg-type]


def job(number: int = 1, project: int = 1, tags: str = "", protected: bool = False) -> Waiting:
    return Waiting(number, project, tuple(tags.split()), protected, "main")


@pytest.mark.parametrize(
    ("one", "wanted", "expected"),
    [
        (ANY, job(), None),
        (ANY, job(tags="docker"), Objection.TAGS),
        (runner(tags="docker"), job(tags="docker"), None),
        (runner(tags="docker ec2"), job(tags="docker"), None),
        (runner(tags="docker"), job(tags="docker arm"), Objection.TAGS),
        (runner(tags="Docker"), job(tags="docker"), Objection.TAGS),
        (runner(tags="docker"), job(), None),
        (runner(tags="docker", run_untagged=False), job(), Objection.UNTAGGED),
        (runner(tags="docker", run_untagged=False), job(tags="docker"), None),
        (runner(paused=True), job(), Objection.PAUSED),
        (runner(protected_only=True), job(), Objection.NOT_PROTECTED),
        (runner(protected_only=True), job(protected=True), None),
        (runner(runner_type=PROJECT, projects=frozenset({1, 2})), job(project=2), None),
        (runner(runner_type=PROJECT, projects=frozenset({1, 2})), job(project=3), Objection.OTHER_PROJECT),
        (runner(runner_type=PROJECT), job(), Objection.OTHER_PROJECT),
        (runner(projects=frozenset({9})), job(project=1), None),
    ],
)
def test_a_runner_takes_a_job_or_says_why_not(
    one: RunnerFacts, wanted: Waiting, expected: Objection | None
) -> None:
    assert objection(one, wanted) is expected


def test_an_instance_runner_serves_first_the_project_with_the_fewest_running_jobs() -> None:
    pending = [job(1, project=1), job(2, project=1), job(3, project=2), job(4, project=3), job(5, project=2)]
    order = queue_for(ANY, pending, {1: 7, 2: 1})
    assert [one.id for one in order] == [4, 3, 5, 1, 2]


def test_a_project_s_runner_takes_its_jobs_in_order_whatever_runs() -> None:
    own = runner(runner_type=PROJECT, projects=frozenset({1, 2}))
    pending = [job(5, project=2), job(1, project=1), job(3, project=2), job(2, project=9)]
    assert [one.id for one in queue_for(own, pending, {1: 7})] == [1, 3, 5]


def test_a_project_with_a_hundred_jobs_does_not_hold_up_another() -> None:
    """One runner, which takes one job after the other and finishes none."""
    pending = [job(number, project=1) for number in range(100)] + [job(100, project=2)]
    running: dict[int, int] = {}
    taken = []
    for _ in range(3):
        first = queue_for(ANY, pending, running)[0]
        pending.remove(first)
        running[first.project_id] = running.get(first.project_id, 0) + 1
        taken.append(first.id)
    assert taken == [0, 100, 1]


@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.integers(1, 5), st.sampled_from(["", "a", "a b"]), st.booleans()),
        unique_by=lambda one: one[0],
        max_size=30,
    ),
    st.sampled_from(["", "a", "a b"]),
    st.booleans(),
    st.dictionaries(st.integers(1, 5), st.integers(0, 9)),
)
def test_the_queue_holds_exactly_what_may_be_taken(
    found: list[tuple[int, int, str, bool]], tags: str, untagged: bool, running: dict[int, int]
) -> None:
    one = runner(tags=tags, run_untagged=untagged)
    pending = [job(*each) for each in found]
    order = queue_for(one, pending, running)
    assert {each.id for each in order} == {each.id for each in pending if objection(one, each) is None}
    keys = [(running.get(each.project_id, 0), each.id) for each in order]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("runners", "wanted", "expected"),
    [
        ([], job(), "no runner serves this project"),
        ([runner(runner_type=PROJECT, projects=frozenset({2}))], job(), "no runner serves this project"),
        ([runner(paused=True)], job(), "every runner of this project is paused"),
        ([ANY, runner(paused=True)], job(), "waiting for a free runner"),
        ([ANY, runner(online=False)], job(), "waiting for a free runner"),
        (
            [runner(tags="gpu", online=False), ANY],
            job(tags="gpu"),
            "every runner that may take it is offline",
        ),
        (
            [runner(protected_only=True), runner(paused=True)],
            job(),
            "its runners take only jobs of protected branches, and main is not one",
        ),
        ([ANY], job(tags="arm gpu"), "no runner has all of its tags: arm, gpu"),
        ([runner(tags="x", run_untagged=False)], job(), "no runner takes jobs without tags"),
        (
            [runner(tags="arm"), runner(paused=True, tags="gpu")],
            job(tags="gpu"),
            "no runner has all of its tags: gpu",
        ),
    ],
)
def test_why_a_job_waits_is_told_by_the_same_rule(
    runners: list[RunnerFacts], wanted: Waiting, expected: str
) -> None:
    assert why_waiting(wanted, runners) == expected
