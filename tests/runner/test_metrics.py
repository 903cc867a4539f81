"""Figures for Prometheus: their names, their labels, and where they are served."""

from __future__ import annotations

import socket

import httpx
import pytest
from tests.ports import free_port

from shipline.errors import HostError
from shipline.runner.config.addresses import listen_on
from shipline.runner.config_file import RunnerSection
from shipline.runner.metrics import EntryFigures, Metrics, MetricsServer

SECTION = RunnerSection("r", "http://c", "glrt-0123456789abc", limit=2)
WHO = 'runner="012345678",runner_name="r",system_id="r_x"'


def lines(metrics: Metrics) -> dict[str, float]:
    found = {}
    for line in metrics.text().decode().splitlines():
        if line.startswith("gitlab_"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9252", ("127.0.0.1", 9252)),
        ("9252", ("127.0.0.1", 9252)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:9252", ("::1", 9252)),
        ("metrics.example", ("metrics.example", 9252)),
    ],
)
def test_a_port_alone_is_for_this_machine_only(text: str, address: tuple[str, int]) -> None:
    assert listen_on(text) == address


@pytest.mark.parametrize("text", ["", ":", "a b:1", ":0", ":65536", "::1", "http://c:9252"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        listen_on(text)


def test_what_is_now_is_told_by_gitlab_runner_s_names() -> None:
    metrics = Metrics("r_x")
    metrics.show(4, [EntryFigures(SECTION, 1, ("step_script", "get_sources", "step_script"))])
    found = lines(metrics)
    assert found["gitlab_runner_concurrent"] == 4
    assert found[f"gitlab_runner_limit{{{WHO}}}"] == 2
    assert found[f"gitlab_runner_request_concurrency{{{WHO}}}"] == 1
    jobs = {name: value for name, value in found.items() if name.startswith("gitlab_runner_jobs{")}
    assert sorted(jobs.values()) == [1, 2]
    (two,) = (name for name, value in jobs.items() if value == 2)
    assert 'stage="step_script"' in two
    assert 'executor="docker"' in two
    assert 'state="running"' in two
    assert [name for name in found if name.startswith("gitlab_runner_version_info{")]
    metrics.show(4, [])
    assert not [name for name in lines(metrics) if name.startswith("gitlab_runner_jobs{")]


def test_what_has_been_is_counted() -> None:
    metrics = Metrics("r_x")
    metrics.job_taken(SECTION, 4.0)
    metrics.job_taken(SECTION, None)
    metrics.job_ended(SECTION, 45.0, "")
    metrics.job_ended(SECTION, 7.0, "script_failure")
    metrics.answered(SECTION, "request_job", 204)
    metrics.error("warning")
    found = lines(metrics)
    assert found[f"gitlab_runner_jobs_total{{{WHO}}}"] == 2
    failed = [name for name in found if name.startswith("gitlab_runner_failed_jobs_total")]
    assert len(failed) == 1
    assert 'failure_reason="script_failure"' in failed[0]
    assert found[f"gitlab_runner_job_duration_seconds_count{{{WHO}}}"] == 2
    assert found[f"gitlab_runner_job_duration_seconds_sum{{{WHO}}}"] == 52
    assert found[f'gitlab_runner_job_duration_seconds_bucket{{le="30.0",{WHO}}}'] == 1
    assert found[f"gitlab_runner_job_queue_duration_seconds_sum{{{WHO}}}"] == 4
    assert found[f"gitlab_runner_job_queue_duration_seconds_count{{{WHO}}}"] == 1
    assert found['gitlab_runner_errors_total{level="warning"}'] == 1
    (statuses,) = (name for name in found if name.startswith("gitlab_runner_api_request_statuses_total"))
    assert 'endpoint="request_job"' in statuses
    assert 'status="204"' in statuses
    assert not [name for name in found if "_created" in name]


async def test_they_are_served_where_the_config_says_and_nowhere_when_it_says_nothing() -> None:
    server = MetricsServer(Metrics("r_x"))
    first, second = free_port(), free_port()
    async with httpx.AsyncClient(trust_env=False) as client:
        await server.listen(f":{first}")
        answer = await client.get(f"http://127.0.0.1:{first}/metrics")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "gitlab_runner_concurrent" in answer.text
        assert (await client.get(f"http://127.0.0.1:{first}/")).status_code == 404
        assert (await client.post(f"http://127.0.0.1:{first}/metrics")).status_code == 405
        await server.listen(f":{second}")
        assert (await client.get(f"http://127.0.0.1:{second}/metrics")).status_code == 200
        await server.listen("")
        for port in (first, second):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/metrics")


async def test_an_address_that_is_taken_is_an_error_with_what_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = MetricsServer(Metrics("r_x"))
        with pytest.raises(HostError, match="cannot be served") as caught:
            await server.listen(f":{taken.getsockname()[1]}")
    assert "listen_address" in caught.value.hint
