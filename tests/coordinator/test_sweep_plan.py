"""What the sweep does, as transcripts: what it sees and when, and what it does about it. No clock is touched: it is
made to jump here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from shipline.coordinator import sweep_plan
from shipline.coordinator.sweep_plan import EMPTY, SILENT, Action, GiveBack, GiveUp, Limits, Memory, Seen
from shipline.model.status import JobStatus

HOUR, DAY, YEAR = 3600.0, 86400.0, 31_536_000.0
LIMITS = Limits(silence=600.0)


@dataclass
class Sweeping:
    """A sweep every `step` seconds over jobs that the test changes; `wall` may be set, `steady` only goes on."""

    wall: float = 1_000_000.0
    steady: float = 50.0
    memory: Memory = EMPTY
    jobs: dict[int, Seen] = field(default_factory=dict)
    born: dict[int, float] = field(default_factory=dict)
    matching: bool = True

    def start(self, job: Seen) -> None:
        self.jobs[job.id] = job
        self.born[job.id] = self.wall

    def hear(self, number: int) -> None:
        self.jobs[number] = replace(self.jobs[number], contact=str(self.wall))

    def sweep(self) -> list[Action]:
        jobs = [self._aged(job) for job in self.jobs.values()]
        self.memory = sweep_plan.look(self.memory, jobs, self.wall, self.steady, LIMITS)
        asked = sweep_plan.long_pending(self.memory, jobs, self.steady)
        unmatched = frozenset() if self.matching else frozenset(asked)
        actions = sweep_plan.plan(self.memory, jobs, unmatched, self.steady, LIMITS)
        for action in actions:
            del self.jobs[action.job]
        return actions

    def _aged(self, job: Seen) -> Seen:
        age = self.wall - self.born[job.id]
        return replace(job, age_running=age, age_pending=age)

    def run(self, seconds: float, step: float = 10.0, hear: bool = False) -> list[tuple[float, Action]]:
        """What is done, and after how many seconds."""
        found, passed = [], 0.0
        while passed < seconds:
            if hear:
                for number in self.jobs:
                    self.hear(number)
            found += [(passed, action) for action in self.sweep()]
            passed += step
            self.wall += step
            self.steady += step
        return found


def running(number: int = 1, timeout: float = HOUR) -> Seen:
    return Seen(number, JobStatus.RUNNING, "at first", timeout=timeout)


def pending(number: int = 1) -> Seen:
    return Seen(number, JobStatus.PENDING, "None")


def handed(number: int = 1) -> Seen:
    return Seen(number, JobStatus.PENDING, "at first", waiting=True)


def test_a_runner_that_says_nothing_for_ten_minutes_is_taken_for_dead() -> None:
    world = Sweeping()
    world.start(running())
    assert world.run(HOUR) == [
        (610.0, GiveUp(1, "stuck_or_timeout_failure", "its runner fell silent", SILENT)),
    ]


def test_a_runner_that_is_heard_of_keeps_its_job_until_the_timeout_and_the_silence_are_over() -> None:
    world = Sweeping()
    world.start(running(timeout=HOUR))
    assert world.run(2 * HOUR, hear=True) == [
        (HOUR + 610.0, GiveUp(1, "job_execution_timeout", "it ran too long")),
    ]


def test_a_canceling_job_of_a_silent_runner_ends_too() -> None:
    world = Sweeping()
    world.start(replace(running(), status=JobStatus.CANCELING))
    assert [when for when, _ in world.run(HOUR)] == [610.0]


def test_a_manager_that_does_not_begin_loses_the_job_after_two_minutes() -> None:
    world = Sweeping()
    world.start(handed())
    assert [(when, type(action)) for when, action in world.run(HOUR)] == [(130.0, GiveBack)]


def test_a_manager_that_says_pending_keeps_the_job() -> None:
    world = Sweeping()
    world.start(handed())
    assert world.run(HOUR, step=60.0, hear=True) == []


def test_a_job_that_is_given_back_may_be_taken_and_lost_again() -> None:
    world = Sweeping()
    world.start(handed())
    assert len(world.run(200)) == 1
    world.start(pending())
    assert world.run(300) == []
    world.start(replace(handed(), contact="another"))
    assert [type(action) for _, action in world.run(200)] == [GiveBack]


def test_a_pending_job_fails_after_a_day_and_after_an_hour_when_no_runner_matches() -> None:
    world = Sweeping()
    world.start(pending())
    assert [when for when, _ in world.run(2 * DAY, step=60)] == [DAY + 60]
    lonely = Sweeping(matching=False)
    lonely.start(pending())
    found = lonely.run(DAY, step=60)
    assert [when for when, _ in found] == [HOUR + 60]
    assert isinstance(found[0][1], GiveUp)
    assert found[0][1].failure_reason == "stuck_or_timeout_failure"


def test_only_jobs_that_have_waited_long_are_asked_about() -> None:
    world = Sweeping()
    world.start(pending(1))
    world.run(2 * HOUR, step=60)
    world.start(pending(2))
    world.start(running(3))
    world.sweep()
    asked = sweep_plan.long_pending(world.memory, world.jobs.values(), world.steady)
    assert asked == [1]


def many() -> Sweeping:
    world = Sweeping()
    for number in range(100):
        world.start(running(number))
        world.start(pending(1000 + number))
        world.start(handed(2000 + number))
    return world


@pytest.mark.parametrize("jump", [YEAR, -YEAR, DAY, -DAY, HOUR, -HOUR, 700.0, -700.0])
def test_a_clock_that_jumps_fails_nothing(jump: float) -> None:
    world = many()
    assert world.run(60, hear=True) == []
    world.wall += jump
    assert world.run(300, hear=True) == []
    world.wall -= jump
    assert world.run(300, hear=True) == []


@pytest.mark.parametrize("jump", [YEAR, -YEAR, DAY, -DAY])
def test_after_a_jump_what_is_really_dead_is_found_as_soon_as_ever(jump: float) -> None:
    world = Sweeping()
    world.start(running(1))
    assert world.run(300) == []
    world.wall += jump
    assert [when for when, _ in world.run(HOUR)] == [310.0]


def test_a_coordinator_that_was_down_for_hours_gives_every_runner_a_turn() -> None:
    world = many()
    world.run(60, hear=True)
    world.memory, world.steady = EMPTY, 3.0
    world.wall += 5 * HOUR
    assert world.run(120, step=5) == []
    # Nobody has come back meanwhile: who was handed a job loses it first, silent runners theirs later.
    found = world.run(600)
    assert {type(action) for when, action in found if when <= 20} == {GiveBack}
    assert sum(isinstance(action, GiveUp) for _, action in found) == 100


def test_what_lasted_before_a_restart_counts_up_to_the_limit() -> None:
    """A job that waits for two days is failed soon after the start, not a day later; but not at once."""
    world = Sweeping()
    world.start(pending())
    world.wall += 2 * DAY
    assert [when for when, _ in world.run(HOUR)] == [60.0]


def test_nothing_is_deleted_for_an_hour_after_the_clock_jumped() -> None:
    world = Sweeping()
    world.run(100)
    assert sweep_plan.may_delete(world.memory, world.steady)
    world.wall += YEAR
    world.sweep()
    assert not sweep_plan.may_delete(world.memory, world.steady)
    world.run(HOUR - 10)
    assert not sweep_plan.may_delete(world.memory, world.steady)
    world.run(20)
    assert sweep_plan.may_delete(world.memory, world.steady)


def test_a_clock_that_is_kept_right_in_small_steps_is_no_jump() -> None:
    world = Sweeping()
    for _ in range(100):
        world.wall += 2.0
        world.run(10)
        assert sweep_plan.may_delete(world.memory, world.steady)


def test_jobs_that_are_over_are_forgotten() -> None:
    world = many()
    world.sweep()
    assert len(world.memory.silence) == len(world.memory.status) == 300
    world.jobs.clear()
    world.sweep()
    assert world.memory.silence == world.memory.status == {}
