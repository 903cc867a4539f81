"""Calls to a coordinator over real HTTP: what is sent, what answers mean, what is tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.runner.scripted import Reply, Scripted, scripted

from shipline.errors import RemoteError, UsageError
from shipline.protocols.runner_api import JobUpdate
from shipline.runner.acceptance import Verdict, accept, give_back, verdict
from shipline.runner.coordinator_client import Answer, CoordinatorClient, info
from shipline.runner.http import BODY_LIMIT
from shipline.runner.tls import Tls, tls_context

PAYLOAD: dict[str, Any] = {
    "id": 7,
    "token": "glcbt-secret",
    "job_info": {"name": "test", "time_in_queue_seconds": 4},
    "git_info": {"repo_url": "http://c/a.git", "ref": "main", "sha": "0" * 40},
    "something_new": {"of": "a newer server"},
}


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as started:
        yield started


def client_of(script: Scripted, **options: Any) -> CoordinatorClient:
    return CoordinatorClient(script.url, "glrt-token", "r_0123456789ab", time.time, **options)


async def test_a_question_for_a_job_says_who_asks_and_what_it_can_do(script: Scripted) -> None:
    script.says("POST /jobs/request", Reply(204, headers={"X-GitLab-Last-Update": "v2"}))
    async with client_of(script, about=info("shell", "sh")) as client:
        polled = await client.request_job("v1")
    assert (polled.job, polled.last_update, polled.healthy, polled.wait) == (None, "v2", True, None)
    (asked,) = script.calls("POST /jobs/request")
    body = asked.json()
    assert (body["token"], body["system_id"], body["last_update"]) == ("glrt-token", "r_0123456789ab", "v1")
    assert (body["info"]["name"], body["info"]["executor"], body["info"]["shell"]) == (
        "shipline",
        "shell",
        "sh",
    )
    assert body["info"]["features"]["two_phase_job_commit"] is True
    assert asked.headers["RUNNER-TOKEN"] == "glrt-token"
    assert len(asked.headers["X-Request-Id"]) == 32


async def test_a_job_is_read_and_the_next_question_does_not_wait(script: Scripted) -> None:
    script.says("POST /jobs/request", Reply(201, PAYLOAD, {"X-GitLab-Last-Update": "v2"}))
    async with client_of(script) as client:
        polled = await client.request_job("v1")
    assert polled.job is not None
    assert (polled.job.id, polled.job.job_info.time_in_queue_seconds, polled.last_update) == (7, 4.0, "")


@pytest.mark.parametrize(
    ("status", "healthy"),
    [
        (200, True),
        (204, True),
        (409, True),
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (422, False),
    ],
)
async def test_an_answer_tells_whether_the_coordinator_accepts_us(
    script: Scripted, status: int, healthy: bool
) -> None:
    script.says("POST /jobs/request", Reply(status, {"message": "x"}))
    async with client_of(script) as client:
        polled = await client.request_job("v1")
    assert (polled.healthy, polled.wait, polled.last_update) == (healthy, None, "v1")


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [(429, {"Retry-After": "7"}, 7.0), (429, {}, 0.1), (503, {"Retry-After": "9"}, 9.0)],
)
async def test_a_coordinator_that_has_too_much_to_do_says_when_to_come_again(
    script: Scripted, status: int, headers: dict[str, str], wait: float
) -> None:
    script.says("POST /jobs/request", Reply(status, {"message": "later"}, headers))
    async with client_of(script) as client:
        polled = await client.request_job("")
    assert (polled.wait, polled.healthy) == (wait, True)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(500, b"oops"), "answered 500"),
        (Reply(201, b"<html>"), "a job that is not understood"),
        (Reply(201, {"id": 7}), "not understood: token, job_info, git_info"),
        (Reply(201, b"x" * (BODY_LIMIT + 1)), "answer is too long"),
    ],
)
async def test_nonsense_is_an_error_in_words(script: Scripted, reply: Reply, said: str) -> None:
    script.says("POST /jobs/request", reply)
    async with client_of(script) as client:
        with pytest.raises(RemoteError, match=said) as caught:
            await client.request_job("")
    assert "secret" not in str(caught.value)


async def test_nobody_there_is_an_error_and_counted(script: Scripted) -> None:
    seen: list[tuple[str, int]] = []
    with scripted() as gone:
        url = gone.url
    async with CoordinatorClient(
        url, "t", "r", time.time, observe=lambda call, status: seen.append((call, status))
    ) as client:
        with pytest.raises(RemoteError, match="cannot be reached"):
            await client.request_job("")
    assert seen == [("request_job", -1)]


async def test_a_call_about_a_job_is_tried_again_when_the_server_is_only_busy(script: Scripted) -> None:
    seen: list[int] = []
    busy = Reply(503, headers={"Retry-After": "0"})
    done = Reply(200, headers={"Job-Status": "running", "X-GitLab-Trace-Update-Interval": "30"})
    script.says("PUT /jobs/7", busy, busy, done)
    async with client_of(script, observe=lambda _call, status: seen.append(status)) as client:
        answer = await client.update_job(7, "glcbt-secret", JobUpdate(state="running"))
    assert answer == Answer(200, "running", None, 30.0)
    assert seen == [503, 503, 200]
    asked = script.calls("PUT /jobs/7")[2]
    assert asked.json()["token"] == asked.headers["JOB-TOKEN"] == "glcbt-secret"
    assert asked.json()["state"] == "running"


async def test_after_five_tries_it_is_an_error(script: Scripted) -> None:
    script.says("PUT /jobs/7", Reply(502, headers={"Retry-After": "0"}))
    async with client_of(script) as client:
        with pytest.raises(RemoteError, match=r"answered 502 \(PUT jobs/7\)"):
            await client.update_job(7, "glcbt-secret", JobUpdate(state="running"))
    assert len(script.asked) == 5


async def test_a_part_of_a_log_says_where_it_belongs(script: Scripted) -> None:
    script.says("PATCH /jobs/7/trace", Reply(416, headers={"Range": "0-12", "Job-Status": "running"}))
    async with client_of(script) as client:
        answer = await client.send_trace(7, "glcbt-secret", 5, b"abc")
    assert answer == Answer(416, "running", 12)
    (asked,) = script.asked
    assert (asked.headers["Content-Range"], asked.content) == ("5-7", b"abc")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Answer(200, "running"), Verdict.OURS),
        (Answer(202, ""), Verdict.OURS),
        (Answer(400, ""), Verdict.OURS),
        (Answer(409, ""), Verdict.LOST),
        (Answer(403, "failed"), Verdict.LOST),
        (Answer(404, ""), Verdict.LOST),
        (Answer(200, "canceled"), Verdict.LOST),
        (Answer(412, ""), Verdict.AGAIN),
    ],
)
def test_the_answer_to_accepting_a_job_says_whose_it_is(answer: Answer, found: Verdict) -> None:
    assert verdict(answer) is found


async def test_a_job_is_accepted_before_anything_else_and_one_that_is_not_goes_back(script: Scripted) -> None:
    script.says("POST /jobs/request", Reply(201, PAYLOAD))
    script.says("PUT /jobs/7", Reply(200, headers={"Job-Status": "running"}), Reply(400))
    async with client_of(script) as client:
        job = (await client.request_job("")).job
        assert job is not None
        assert await accept(client, job) is Verdict.OURS
        await give_back(client, job)
    accepted, given = (one.json() for one in script.calls("PUT /jobs/7"))
    assert accepted["state"] == "running"
    assert (given["state"], given["failure_reason"]) == ("failed", "runner_system_failure")


def test_certificates_beside_the_config_are_found_by_the_host_s_name(tmp_path: Any) -> None:
    certs = tmp_path / "certs"
    certs.mkdir()
    config = tmp_path / "config.toml"
    assert Tls().or_beside(config, "https://gitlab.example/") == Tls()
    for name in ("gitlab.example.crt", "gitlab.example.auth.crt", "gitlab.example.auth.key"):
        (certs / name).write_text("")
    beside = Tls().or_beside(config, "https://gitlab.example:8443/")
    assert beside == Tls(*(str(certs / f"gitlab.example.{end}") for end in ("crt", "auth.crt", "auth.key")))
    named = Tls("/ca", "/cert", "/key")
    assert named.or_beside(config, "https://gitlab.example/") == named


def test_a_certificate_that_is_none_is_refused_with_its_file(tmp_path: Any) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(UsageError, match=r"ca\.pem cannot be used for TLS"):
        tls_context("https://gitlab.example/", Tls(ca_file=str(file)))


async def test_a_redirect_is_not_followed_with_a_token_but_told(script: Scripted) -> None:
    script.says("POST /jobs/request", Reply(301, headers={"Location": "https://c/api/v4/jobs/request?x"}))
    async with client_of(script) as client:
        with pytest.raises(RemoteError, match="sends us to https://c/api/v4/jobs/request") as caught:
            await client.request_job("")
    assert "url in the config" in caught.value.hint
    assert len(script.asked) == 1
