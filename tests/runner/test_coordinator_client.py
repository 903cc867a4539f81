"""How long is waited before a call is tried again."""

from __future__ import annotations

import httpx
import pytest

from shipline.runner.coordinator_client import Answer, backoff, info

NOW = 1700000000.0


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 0.1), (1, 0.2), (2, 0.4), (9, 51.2), (10, 60.0), (10_000, 60.0)]
)
def test_each_further_try_waits_twice_as_long_up_to_a_minute(attempt: int, seconds: float) -> None:
    assert backoff(attempt, httpx.Headers(), NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "9999"}, 60.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 0.1),
        ({"Retry-After": "-1"}, 0.1),
        ({"RateLimit-ResetTime": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"RateLimit-ResetTime": "Tue, 14 Nov 2023 22:13:10 GMT", "Retry-After": "7"}, 0.0),
        ({"RateLimit-ResetTime": "Wed, 15 Nov 2023 22:13:10 GMT"}, 60.0),
        ({"RateLimit-ResetTime": "soon", "Retry-After": "7"}, 7.0),
    ],
)
def test_what_the_server_says_is_heeded_within_reason(headers: dict[str, str], seconds: float) -> None:
    assert backoff(0, httpx.Headers(headers), NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("status", "job_status", "over"),
    [
        (202, "running", False),
        (202, "canceling", False),
        (416, "running", False),
        (200, "canceled", True),
        (202, "failed", True),
        (401, "", True),
        (403, "running", True),
        (404, "", True),
    ],
)
def test_it_is_known_when_a_job_is_not_ours_any_more(status: int, job_status: str, over: bool) -> None:
    assert Answer(status, job_status).over is over


def test_a_shell_does_not_say_that_it_has_what_only_containers_have() -> None:
    docker, shell = info("docker").features, info("shell").features
    assert (docker.image, docker.services, docker.cache, docker.image_executor_opts) == (True,) * 4
    assert (shell.image, shell.services, shell.service_variables, shell.image_executor_opts) == (False,) * 4
    assert (shell.cache, shell.artifacts, shell.cancel_gracefully) == (True,) * 3
