"""When a health check is made, and what its results mean. Pure.

The rules are the ones of container health checks and of target groups, except for the beginning: until the
first success the check is made every FIRST_SECONDS, so that a start is seen when it happens; failures of that
time count only against the clock, as if they had been made at the interval.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shipline.local_aws.ecs.values import Health

FIRST_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class CheckRule:
    """Seconds; `failures` in a row make it unhealthy, `successes` healthy again. Nothing counts for
    `start_period`."""

    interval: float
    timeout: float
    failures: int
    successes: int = 1
    start_period: float = 0


@dataclass(frozen=True, slots=True)
class CheckState:
    begun_at: float
    health: Health = Health.UNKNOWN
    failures: int = 0
    successes: int = 0
    checked_at: float = 0
    reason: str = ""


def next_check(rule: CheckRule, state: CheckState) -> float:
    """When to check again."""
    pause = FIRST_SECONDS if state.health is Health.UNKNOWN else rule.interval
    return state.checked_at + pause


def observed(rule: CheckRule, state: CheckState, failure: str | None, now: float) -> CheckState:
    """The state after one check. `failure` says what was wrong; None: all is well."""
    if failure is None:
        successes = state.successes + 1
        recovered = state.health is not Health.UNHEALTHY or successes >= rule.successes
        health = Health.HEALTHY if recovered else Health.UNHEALTHY
        return replace(state, health=health, failures=0, successes=successes, checked_at=now, reason="")
    state = replace(state, failures=state.failures + 1, successes=0, checked_at=now, reason=failure)
    if state.health is Health.UNKNOWN:
        patience = rule.start_period + rule.interval * rule.failures
        return replace(state, health=Health.UNHEALTHY) if now - state.begun_at >= patience else state
    return replace(state, health=Health.UNHEALTHY) if state.failures >= rule.failures else state
