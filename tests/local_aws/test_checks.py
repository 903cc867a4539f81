from __future__ import annotations

from shipline.local_aws.ecs.checks import FIRST_SECONDS, CheckRule, CheckState, next_check, observed
from shipline.local_aws.ecs.values import Health

RULE = CheckRule(interval=10, timeout=2, failures=3, successes=2)


def after(*results: tuple[float, str | None], rule: CheckRule = RULE) -> CheckState:
    state = CheckState(begun_at=0)
    for at, failure in results:
        state = observed(rule, state, failure, at)
    return state


def test_the_first_success_is_enough() -> None:
    assert after((0.1, "refused"), (0.3, None)).health is Health.HEALTHY


def test_until_the_first_success_it_is_asked_often_then_at_the_interval() -> None:
    starting = after((1.0, "refused"))
    assert next_check(RULE, starting) == 1.0 + FIRST_SECONDS
    assert next_check(RULE, after((1.0, None))) == 11.0


def test_a_start_that_fails_is_unhealthy_only_when_its_failures_would_have_counted() -> None:
    assert after((29.9, "refused")).health is Health.UNKNOWN
    assert after((30.0, "refused")).health is Health.UNHEALTHY


def test_the_start_period_comes_on_top() -> None:
    rule = CheckRule(interval=10, timeout=2, failures=3, start_period=60)
    assert after((80, "refused"), rule=rule).health is Health.UNKNOWN
    assert after((90, "refused"), rule=rule).health is Health.UNHEALTHY


def test_what_was_healthy_gets_unhealthy_after_enough_failures_in_a_row() -> None:
    assert after((1, None), (11, "500"), (21, "500")).health is Health.HEALTHY
    assert after((1, None), (11, "500"), (21, None), (31, "500"), (41, "500")).health is Health.HEALTHY
    fallen = after((1, None), (11, "500"), (21, "500"), (31, "500"))
    assert (fallen.health, fallen.reason) == (Health.UNHEALTHY, "500")


def test_what_was_unhealthy_needs_enough_successes_to_be_trusted_again() -> None:
    fallen = [(1.0, None), (11.0, "500"), (21.0, "500"), (31.0, "500"), (41.0, None)]
    assert after(*fallen).health is Health.UNHEALTHY
    assert after(*fallen, (51.0, None)).health is Health.HEALTHY
