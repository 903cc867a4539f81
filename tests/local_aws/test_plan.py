"""The scheduler's decisions as transcripts: what happened, what it did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.local_aws.world import Behaviour, World, service

from shipline.local_aws.ecs.plan import (
    SETTLE_SECONDS,
    StartTasks,
    fewest_and_most,
    plan,
    retry_delay,
    threshold,
)
from shipline.local_aws.ecs.values import DeploymentRules, RolloutState, TaskStatus

GOOD = Behaviour()
EXITS = Behaviour(exits_after=0.5)
SICK = Behaviour(healthy=False)


def world_at_rest(desired: int = 1, rules: DeploymentRules | None = None, **kinds: Behaviour) -> World:
    """A service that serves version 1 steadily; `kinds` are the behaviours of later versions."""
    behaviours = {"app:1": GOOD} | {f"app:{name[1:]}": how for name, how in kinds.items()}
    world = World(service(desired, rules=rules), behaviours)
    world.run(5)
    assert world.service.steady
    world.told.clear()
    return world


def states(world: World) -> list[tuple[str, str]]:
    return [(one.id, one.rollout.value) for one in world.service.deployments]


def short(world: World) -> list[str]:
    return [message.removeprefix("(service app) ") for message in world.told]


def test_a_new_service_starts_its_tasks_and_is_completed_when_they_are_healthy() -> None:
    world = World(service(2), {"app:1": GOOD})
    first = plan(world.service, [], 0)
    assert first.start == (StartTasks("d1", 2),)
    world.run(5)
    assert states(world) == [("d1", "COMPLETED")]
    assert short(world) == ["(deployment d1) deployment completed.", "has reached a steady state."]


def test_an_update_brings_the_new_up_before_the_old_goes() -> None:
    world = world_at_rest(v2=GOOD)
    world.deploy("d2", "app:2")
    world.watch = lambda now: pytest.fail("nobody serves") if not now.ready else None
    world.run(5)
    assert states(world) == [("d2", "COMPLETED")]
    assert world.serving() == {"app:2"}
    assert [one.id for one in world.service.history] == ["d1"]


def test_the_old_container_is_stopped_only_when_the_new_one_is_healthy() -> None:
    world = world_at_rest(v2=Behaviour(boot=10))
    world.deploy("d2", "app:2")
    world.run(9)
    assert world.serving() == {"app:1"}
    assert states(world) == [("d2", "IN_PROGRESS"), ("d1", "COMPLETED")]
    world.run(5)
    assert world.serving() == {"app:2"}


def test_a_version_that_exits_at_once_fails_and_the_old_one_keeps_serving() -> None:
    world = world_at_rest(v2=EXITS)
    old = world.ready
    world.deploy("d2", "app:2")
    world.run(30)
    assert states(world) == [("d2", "FAILED"), ("d1", "COMPLETED")]
    assert world.ready == old
    assert "Essential container in task exited" in world.service.primary.reason
    assert short(world)[0].startswith("(deployment d2) deployment failed: tasks failed to start.")


def test_a_failed_deployment_starts_no_more_tasks() -> None:
    world = world_at_rest(v2=EXITS)
    world.deploy("d2", "app:2")
    world.run(30)
    before = world.counter
    world.run(300, step=5)
    assert world.counter == before == 1 + 3


def test_a_version_that_never_gets_healthy_is_never_completed() -> None:
    world = world_at_rest(v2=SICK)
    world.deploy("d2", "app:2")
    world.watch = lambda now: pytest.fail("completed") if states(now)[0] == ("d2", "COMPLETED") else None
    world.run(60)
    assert states(world)[0] == ("d2", "FAILED")
    assert world.serving() == {"app:1"}
    assert any("is unhealthy in (target-group app)" in message for message in world.told)


def test_the_grace_period_excuses_a_slow_start() -> None:
    world = world_at_rest(v2=Behaviour(boot=1, healthy=False))
    world.service = replace(world.service, grace_period=60)
    world.deploy("d2", "app:2")
    world.run(50)
    assert states(world)[0] == ("d2", "IN_PROGRESS")
    assert world.service.primary.failed_tasks == 0
    world.run(30)
    assert world.service.primary.failed_tasks >= 1


def test_a_breaker_with_rollback_returns_to_the_last_good_deployment() -> None:
    world = world_at_rest(v2=EXITS, rules=DeploymentRules(breaker=True, rollback=True))
    world.deploy("d2", "app:2")
    world.run(30)
    assert states(world) == [("d1", "COMPLETED")]
    assert world.service.task_definition == "app:1"
    assert [message.split(" ")[0:2] for message in short(world)] == [
        ["(deployment", "d2)"],
        ["rolling", "back"],
        ["(deployment", "d1)"],
        ["has", "reached"],
    ]
    assert [(one.id, one.rollout) for one in world.service.history] == [("d2", RolloutState.FAILED)]


def test_the_failure_stays_visible_for_those_who_look_once_a_second() -> None:
    world = world_at_rest(v2=EXITS, rules=DeploymentRules(breaker=True, rollback=True))
    world.deploy("d2", "app:2")
    seen: list[float] = []
    world.watch = lambda now: seen.append(now.now) if states(now)[0] == ("d2", "FAILED") else None
    world.run(30)
    assert seen[-1] - seen[0] >= 2.0


def test_a_first_deployment_that_fails_has_nothing_to_return_to() -> None:
    world = World(service(rules=DeploymentRules(breaker=True, rollback=True)), {"app:1": EXITS})
    world.run(60)
    assert states(world) == [("d1", "FAILED")]
    assert world.counter == 3


def test_without_a_breaker_it_is_tried_again_with_growing_pauses() -> None:
    world = world_at_rest(v2=EXITS, rules=DeploymentRules(breaker=False))
    world.deploy("d2", "app:2")
    world.run(120)
    assert states(world) == [("d2", "IN_PROGRESS"), ("d1", "COMPLETED")]
    assert world.serving() == {"app:1"}
    assert 5 < world.service.primary.failed_tasks < 15
    assert any("unable to consistently start tasks successfully" in message for message in world.told)


def test_a_task_of_a_steady_service_that_dies_is_replaced() -> None:
    world = world_at_rest(2)
    world.kill(world.ready[0])
    world.run(5)
    assert len(world.ready) == 2
    assert states(world) == [("d1", "COMPLETED")]
    assert short(world) == ["has reached a steady state."]


def test_an_old_task_that_dies_while_the_new_version_fails_is_replaced_by_the_old_version() -> None:
    world = world_at_rest(v2=EXITS)
    world.deploy("d2", "app:2")
    world.run(30)
    world.kill(world.ready[0])
    world.run(5)
    assert world.serving() == {"app:1"}


def test_a_service_that_must_not_overlap_stops_the_old_task_first() -> None:
    rules = DeploymentRules(minimum_healthy_percent=0, maximum_percent=100)
    world = world_at_rest(v2=GOOD, rules=rules)
    world.deploy("d2", "app:2")
    most = []
    world.watch = lambda now: most.append(
        sum(
            task.last_status not in (TaskStatus.STOPPED, TaskStatus.DEACTIVATING)
            for task in now.tasks.values()
        )
    )
    world.run(6)
    assert max(most) == 1
    assert world.serving() == {"app:2"}


def test_without_overlap_a_version_that_fails_gives_the_place_back() -> None:
    rules = DeploymentRules(minimum_healthy_percent=0, maximum_percent=100)
    world = world_at_rest(v2=EXITS, rules=rules)
    world.deploy("d2", "app:2")
    world.run(60)
    assert states(world)[0] == ("d2", "FAILED")
    assert world.serving() == {"app:1"}


def test_without_any_check_running_for_a_while_is_what_counts() -> None:
    world = World(service(balanced=False), {"app:1": GOOD})
    world.run(SETTLE_SECONDS - 1)
    assert states(world) == [("d1", "IN_PROGRESS")]
    world.run(3)
    assert states(world) == [("d1", "COMPLETED")]


def test_an_app_without_checks_that_exits_after_two_seconds_is_a_failure() -> None:
    world = World(service(balanced=False), {"app:1": Behaviour(exits_after=2)})
    world.run(60)
    assert states(world) == [("d1", "FAILED")]


def test_a_newer_deployment_takes_over_from_one_that_is_still_in_progress() -> None:
    world = world_at_rest(v2=Behaviour(boot=1000), v3=GOOD)
    world.deploy("d2", "app:2")
    world.run(5)
    world.deploy("d3", "app:3")
    world.watch = lambda now: pytest.fail("nobody serves") if not now.ready else None
    world.run(10)
    assert states(world) == [("d3", "COMPLETED")]
    assert world.serving() == {"app:3"}
    assert {one.id: one.superseded for one in world.service.history} == {"d1": False, "d2": True}


def test_scaling_changes_the_count_and_not_the_deployment() -> None:
    world = world_at_rest(2)
    world.service = replace(world.service, desired_count=4, steady=False)
    world.run(5)
    assert len(world.ready) == 4
    world.service = replace(world.service, desired_count=0, steady=False)
    world.run(5)
    assert not world.ready
    assert states(world) == [("d1", "COMPLETED")]


def test_a_deleted_service_stops_everything() -> None:
    world = world_at_rest(3)
    world.service = replace(world.service, status="INACTIVE", desired_count=0)
    world.run(5)
    assert all(task.last_status is TaskStatus.STOPPED for task in world.tasks.values())


def test_who_asks_to_stop_a_deployment_gets_the_last_good_one_back() -> None:
    world = world_at_rest(v2=Behaviour(boot=1000))
    world.deploy("d2", "app:2")
    world.run(3)
    stopped = replace(world.service.primary, stop_requested=True)
    world.service = replace(world.service, deployments=(stopped, *world.service.deployments[1:]))
    world.run(10)
    assert states(world) == [("d1", "COMPLETED")]
    assert world.serving() == {"app:1"}


def test_percentages_that_leave_no_room_are_told() -> None:
    rules = DeploymentRules(minimum_healthy_percent=50, maximum_percent=150)
    world = world_at_rest(v2=GOOD, rules=rules)
    world.deploy("d2", "app:2")
    world.run(5)
    assert any("was unable to place a task" in message for message in world.told)
    assert world.serving() == {"app:1"}


@pytest.mark.parametrize(("desired", "expected"), [(1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)])
def test_the_breaker_trips_after_half_of_the_tasks_but_from_3_to_200(desired: int, expected: int) -> None:
    assert threshold(service(desired)) == expected


@pytest.mark.parametrize(
    ("desired", "least", "most", "expected"),
    [
        (1, 100, 200, (1, 2)),
        (2, 75, 150, (2, 3)),
        (4, 50, 100, (2, 4)),
        (3, 0, 100, (0, 3)),
        (0, 100, 200, (0, 0)),
    ],
)
def test_percentages_are_rounded_up_for_the_minimum_and_down_for_the_maximum(
    desired: int, least: int, most: int, expected: tuple[int, int]
) -> None:
    rules = DeploymentRules(minimum_healthy_percent=least, maximum_percent=most)
    assert fewest_and_most(service(desired, rules=rules)) == expected


def test_pauses_between_tries_grow_to_a_minute() -> None:
    assert [retry_delay(count) for count in (1, 2, 3, 4, 5, 20)] == [0, 0, 1, 2, 4, 60]


@settings(max_examples=200, deadline=None)
@given(
    desired=st.integers(1, 4),
    minimum=st.sampled_from([0, 50, 100]),
    maximum=st.sampled_from([150, 200]),
    breaker=st.sampled_from([(None, False), (True, True), (True, False), (False, False)]),
    behaviour=st.builds(
        Behaviour,
        boot=st.sampled_from([0.25, 1.0, 4.0]),
        healthy=st.booleans(),
        exits_after=st.sampled_from([None, None, 0.5, 3.0]),
        drain=st.sampled_from([0.0, 0.5, 3.0]),
    ),
    deaths=st.lists(st.integers(0, 39), max_size=3),
)
def test_whatever_happens_enough_keep_serving_and_nothing_is_called_done_that_is_not(
    desired: int,
    minimum: int,
    maximum: int,
    breaker: tuple[bool | None, bool],
    behaviour: Behaviour,
    deaths: list[int],
) -> None:
    rules = DeploymentRules(minimum, maximum, breaker[0], breaker[1])
    world = world_at_rest(desired, rules, v2=behaviour)
    world.deploy("d2", "app:2")
    accidents = 0
    completed: list[float] = []
    bad = not behaviour.healthy or (behaviour.exits_after or 99) <= behaviour.boot

    def watch(now: World) -> None:
        if accidents == 0:
            # A version that was healthy for a while and ends then has taken the traffic: nobody can promise
            # that the old one still serves.
            old = [task for task in now.ready if task.task_definition == "app:1"]
            if bad:
                assert len(old) >= min(now.fewest(), desired) or minimum < 100
            elif behaviour.exits_after is None:
                assert len(now.ready) >= now.fewest()
        primary = now.service.primary
        if primary.id == "d2" and primary.rollout is RolloutState.COMPLETED and not completed:
            completed.append(now.now)
            assert len(now.ready) == desired
            assert now.serving() == {"app:2"}
        wanted = [one for one in now.tasks.values() if one.is_wanted]
        assert len(wanted) <= max(fewest_and_most(now.service)[1], desired) + 1

    world.watch = watch
    for tick in range(40):
        if tick in deaths and world.ready:
            accidents += 1
            world.kill(world.ready[0])
        world.run(1)
    accidents += 1
    world.run(90, step=1)
    fewest, most = fewest_and_most(world.service)
    if fewest >= most:
        # Nothing may stop and nothing may start: AWS is stuck here as well, but says nothing.
        return
    if bad:
        assert ("d2", "COMPLETED") not in states(world)
        if minimum == 100:
            assert world.serving() == {"app:1"}
    elif behaviour.exits_after is None:
        assert states(world) == [("d2", "COMPLETED")]
        assert len(world.ready) == desired
