"""Who guesses, or calls without being known, is held up; nobody else is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.coordinator.server import Coordinator, User, running

from shipline.config import Config, RateLimits


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    limits = RateLimits(failed_sign_ins=3, unauthenticated=4)
    with running(tmp_path_factory.mktemp("guarded"), Config(rate_limits=limits)) as started:
        yield started


def sign_in(coordinator: Coordinator, name: str, password: str) -> int:
    with coordinator.client() as client:
        page = client.get("/users/sign_in").text
        hidden = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        fields = {"username": name, "password": password, "csrfmiddlewaretoken": hidden}
        answer = client.post("/users/sign_in", data=fields)
    if answer.status_code == 429:
        assert int(answer.headers["Retry-After"]) >= 1
        assert "try again in" in answer.text
    return answer.status_code


def test_after_some_wrong_passwords_the_right_one_has_to_wait_too(guarded: Coordinator) -> None:
    root = guarded.root
    # Those that are right use nothing up.
    assert [sign_in(guarded, "root", root.token) for _ in range(5)] == [302] * 5
    assert [sign_in(guarded, "root", "glpat-guess") for _ in range(3)] == [401] * 3
    assert sign_in(guarded, "root", "glpat-guess") == 429
    assert sign_in(guarded, "root", root.token) == 429
    # The API is another door: who has a token is let in.
    assert root.call("GET", "user").status_code == 200


def test_calls_without_a_valid_token_are_limited_and_others_are_not(guarded: Coordinator) -> None:
    stranger = User(guarded, 0, "", "glpat-wrong")
    assert [stranger.call("GET", "user").status_code for _ in range(4)] == [401] * 4
    answer = stranger.call("GET", "user")
    assert answer.status_code == 429
    assert answer.headers["RateLimit-Name"] == "unauthenticated"
    assert answer.headers["RateLimit-Limit"] == "4"
    assert guarded.root.call("GET", "user").status_code == 200
    # Runners are no different, and those with a token go on.
    runner = guarded.project().runner()
    assert runner.verify("glrt-wrong").status_code == 429
    assert runner.verify().status_code == 200
