"""Runners and their tokens: registration, verify, leave, managers, reset."""

from __future__ import annotations

import pytest
from tests.coordinator.server import (
    Coordinator,
    Runner,
)


def test_verify_answers_a_good_token_with_the_runner(runner: Runner) -> None:
    answer = runner.verify()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"id": runner.id, "token": runner.token, "token_expires_at": None}


@pytest.mark.parametrize("token", ["", "glrt-wrong", "glrt-\0", "glpat-", "x" * 2000], ids=repr)
def test_verify_refuses_any_other_token(runner: Runner, token: str) -> None:
    assert runner.verify(token).status_code == 403


def test_a_body_that_is_no_message_is_400(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        for method, path in (
            ("POST", "runners/verify"),
            ("POST", "jobs/request"),
            ("DELETE", "runners"),
            ("PUT", "jobs/1"),
        ):
            for body in (b"", b"[]", b"{", b'"token"', b"\xff"):
                answer = client.request(method, f"/api/v4/{path}", content=body)
                assert answer.status_code == 400, (method, path, body)


def test_registration_tokens_are_gone(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        answer = client.post("/api/v4/runners", json={"token": "GR1348941"})
    assert answer.status_code == 410
    assert "POST /user/runners" in answer.json()["message"]


def test_a_runner_that_takes_its_leave_is_not_known_any_more(
    coordinator: Coordinator, runner: Runner
) -> None:
    with coordinator.client() as client:
        answer = client.request("DELETE", "/api/v4/runners", json={"token": runner.token})
    assert answer.status_code == 204
    assert runner.verify().status_code == 403
    assert runner.request().status_code == 403


def test_there_is_no_job_router(runner: Runner) -> None:
    for token, status in ((runner.token, 501), ("glrt-wrong", 403), ("", 403)):
        with runner.coordinator.client(**{"Runner-Token": token}) as client:
            assert client.get("/api/v4/runners/router/discovery").status_code == status
