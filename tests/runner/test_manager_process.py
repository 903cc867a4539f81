"""The manager as a process: its config changes under it, its token ends, its coordinator says no. No engine is
needed: the jobs here end before anything is started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.conftest import Place
from tests.coordinator.server import Coordinator, running, until
from tests.ports import free_port
from tests.runner.process import END_SECONDS, Manager, managing
from tests.runner.scripted import Asked, Reply, Scripted, scripted

NOTHING = Reply(204, headers={"X-GitLab-Last-Update": "v1"})
REQUEST = "POST /jobs/request"


def entry(name: str, url: str, more: str = "") -> str:
    text = f'[[runners]]\nname = "{name}"\nurl = "{url}"\ntoken = "glrt-{name}"\nexecutor = "shell"\n'
    return f"{text}{more}\n"


def job(number: int = 7) -> dict[str, Any]:
    return {
        "id": number,
        "token": "glcbt-secret",
        "job_info": {"name": "test", "project_full_path": "acme/app"},
        "git_info": {"repo_url": "http://c/a.git", "ref": "main", "sha": "0" * 40},
        "variables": [{"key": "GIT_STRATEGY", "value": "none"}],
    }


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as started:
        started.says(REQUEST, NOTHING)
        yield started


def tokens(script: Scripted) -> list[str]:
    return [one.json()["token"] for one in script.calls(REQUEST)]


@pytest.fixture
def manager(tmp_path: Path, script: Scripted) -> Iterator[Manager]:
    text = "concurrent = 2\ncheck_interval = 1\n" + entry("one", script.url)
    with managing(tmp_path / "runner", text) as started:
        until(lambda: tokens(script), "it asks")
        yield started


def test_a_new_entry_is_taken_up_and_one_that_is_gone_asks_no_more_after_a_hangup(
    manager: Manager, script: Scripted
) -> None:
    manager.config.write_text("concurrent = 5\ncheck_interval = 1\n" + entry("two", script.url, "limit = 3"))
    manager.send(signal.SIGHUP)
    until(lambda: "glrt-two" in tokens(script), "the new one asks")
    until(lambda: set(manager.runners()) == {"two"}, "the old one is gone")
    asked = tokens(script).count("glrt-one")
    until(lambda: tokens(script).count("glrt-two") > 3, "the new one goes on")
    assert tokens(script).count("glrt-one") == asked
    assert (manager.status()["concurrent"], manager.runners()["two"]["limit"]) == (5, 3)
    assert manager.end(signal.SIGTERM) == 0


def test_a_changed_file_is_read_without_being_told(manager: Manager, script: Scripted) -> None:
    with manager.config.open("a") as file:
        file.write(entry("two", script.url))
    until(lambda: "glrt-two" in tokens(script), "the new one asks")
    assert "two is new in the config" in manager.log
    assert set(manager.runners()) == {"one", "two"}


@pytest.mark.parametrize("text", ["concurrent = ", "concurrent = 0", "[[runners]]\nname = 'x'"])
def test_a_broken_file_changes_nothing_and_is_complained_of(
    manager: Manager, script: Scripted, text: str
) -> None:
    manager.config.write_text(text)
    manager.send(signal.SIGHUP)
    until(lambda: "the changed config is not used, the one before stays" in manager.log, "it is told")
    before = len(tokens(script))
    until(lambda: len(tokens(script)) > before + 1, "it goes on asking")
    assert manager.end(signal.SIGTERM) == 0


def test_a_token_near_its_end_is_exchanged_and_the_new_one_used(tmp_path: Path, script: Scripted) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    times = (
        f"token_obtained_at = {now - timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}\n"
        f"token_expires_at = {now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}\n"
    )
    fresh = {"token": "glrt-fresh", "token_expires_at": f"{now + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"}
    script.says("POST /runners/reset_authentication_token", Reply(201, fresh))
    text = "# mine\ncheck_interval = 1\n" + entry("one", script.url, times)
    with managing(tmp_path / "runner", text) as manager:
        until(lambda: "glrt-fresh" in tokens(script), "the new token is used")
        assert len(script.calls("POST /runners/reset_authentication_token")) == 1
        written = manager.config.read_text()
        assert 'token = "glrt-fresh"' in written
        assert "# mine" in written
        assert "glrt-one" not in written
        assert "glrt" not in manager.log
        assert set(manager.runners()) == {"one"}


def test_a_runner_that_is_refused_again_and_again_rests_and_says_why(
    tmp_path: Path, script: Scripted
) -> None:
    script.says(REQUEST, Reply(403, {"message": "403 Forbidden"}))
    more = 'unhealthy_requests_limit = 2\nunhealthy_interval = "1h"\n'
    with managing(tmp_path / "runner", "check_interval = 1\n" + entry("one", script.url, more)) as manager:
        until(lambda: manager.runners()["one"]["state"] == "resting", "it rests")
        problem = "the coordinator does not accept this runner's token (403)"
        assert manager.runners()["one"]["problem"] == problem
        assert f"one: {problem}" in manager.log
        assert len(tokens(script)) == 2
        assert "one: asked again in 3600 s" in manager.log


def test_a_coordinator_that_went_away_is_told_once_and_found_again(
    tmp_path: Path, manager: Manager, script: Scripted
) -> None:
    script.says(REQUEST, Reply(500), Reply(500), Reply(500), NOTHING)
    until(lambda: "all is well again" in manager.log, "it is found again")
    assert manager.log.count("answered 500") == 1
    assert manager.runners()["one"]["state"] == "online"


def test_figures_are_served_while_it_runs(tmp_path: Path, script: Scripted) -> None:
    port = free_port()
    text = f'listen_address = ":{port}"\ncheck_interval = 1\n' + entry("one", script.url)
    with managing(tmp_path / "runner", text), httpx.Client(trust_env=False) as client:
        until(lambda: tokens(script), "it asks")

        def counted() -> bool:
            return (
                "gitlab_runner_api_request_statuses_total{"
                in client.get(f"http://127.0.0.1:{port}/metrics").text
            )

        until(counted, "its questions are counted")


def test_a_second_manager_of_the_same_config_is_refused(manager: Manager, place: Place) -> None:
    ended = place.run("runner", "run", "--config", str(manager.config))
    assert ended.code == 2
    assert "works with" in ended.err
    told = place.run("runner", "status", "--config", str(manager.config))
    assert told.code == 0
    assert f"process {manager.status()['pid']}" in told.out
    assert "online" in told.out


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_job_that_somebody_else_has_meanwhile_is_let_go(manager: Manager, script: Scripted) -> None:
    script.says("PUT /jobs/7", Reply(409, {"message": "409 Conflict"}))
    script.says(REQUEST, Reply(201, job()), NOTHING)
    until(lambda: "job 7 is not ours any more" in manager.log, "it is let go")
    until(lambda: not manager.status()["jobs"], "it is held no more")
    assert [one.json()["state"] for one in script.calls("PUT /jobs/7")] == ["running"]
    assert not script.calls("PATCH /jobs/7/trace")
    assert not list((manager.config.parent / "jobs").iterdir())


def test_a_job_is_accepted_before_its_log_begins(manager: Manager, script: Scripted) -> None:
    script.says("PUT /jobs/7", Reply(200, headers={"Job-Status": "running"}))
    script.says("PATCH /jobs/7/trace", Reply(202, headers={"Job-Status": "running"}))
    script.says(REQUEST, Reply(201, job()), NOTHING)

    def told() -> list[Asked]:
        return [one for one in script.calls("PUT /jobs/7") if one.json()["state"] in ("success", "failed")]

    until(told, "its end is told")
    calls = [one.call for one in list(script.asked) if "/jobs/7" in one.path]
    assert calls[0] == "PUT /jobs/7"
    assert script.calls("PUT /jobs/7")[0].json()["state"] == "running"
    assert "PATCH /jobs/7/trace" in calls[1:]


def test_a_job_that_was_not_accepted_when_the_runner_ends_is_handed_back(
    manager: Manager, script: Scripted
) -> None:
    busy = Reply(503, headers={"Retry-After": "30"})
    script.says("PUT /jobs/7", busy, Reply(400, {"message": "400 Bad request"}))
    script.says(REQUEST, Reply(201, job()), NOTHING)
    until(lambda: script.calls("PUT /jobs/7"), "it tries to accept the job")
    until(lambda: [one["doing"] for one in manager.status()["jobs"]] == ["accept_job"], "it is at that")
    assert manager.end(signal.SIGTERM) == 0
    first, last = (one.json() for one in script.calls("PUT /jobs/7"))
    assert first["state"] == "running"
    assert (last["state"], last["failure_reason"]) == ("failed", "runner_system_failure")
    assert not script.calls("PATCH /jobs/7/trace")
    assert not list((manager.config.parent / "jobs").iterdir())


def test_a_job_that_cannot_be_written_down_is_handed_back(manager: Manager, script: Scripted) -> None:
    # A file is where the journal's folder would be.
    (manager.config.parent / "jobs").write_text("")
    script.says("PUT /jobs/7", Reply(400, {"message": "400 Bad request"}))
    script.says(REQUEST, Reply(201, job()), NOTHING)
    until(lambda: script.calls("PUT /jobs/7"), "it is handed back")
    assert script.calls("PUT /jobs/7")[0].json()["state"] == "failed"
    until(lambda: "cannot be written down" in manager.runners()["one"]["problem"], "it says so")
    assert "job 7 goes back: a job cannot be written down in " in manager.log
    assert manager.end(signal.SIGTERM) == 0


def ended(script: Scripted) -> list[Any]:
    return [one.json() for one in script.calls("PUT /jobs/7") if one.json()["state"] in ("success", "failed")]


def test_a_job_that_is_not_understood_fails_and_says_why_and_the_next_is_asked_for(
    manager: Manager, script: Scripted
) -> None:
    script.says("PUT /jobs/7", Reply(200, headers={"Job-Status": "running"}))
    script.says("PATCH /jobs/7/trace", Reply(202, headers={"Job-Status": "running"}))
    script.says(REQUEST, Reply(201, job() | {"variables": "none", "steps": 7}), NOTHING)
    until(lambda: ended(script), "it is refused")
    (told,) = script.calls("PATCH /jobs/7/trace")
    assert b"The coordinator sent a job that is not understood: " in told.content
    assert b"variables" in told.content
    assert b"A newer version of shipline" in told.content
    assert [one.json()["state"] for one in script.calls("PUT /jobs/7")] == ["running", "failed"]
    before = len(tokens(script))
    until(lambda: len(tokens(script)) > before, "it asks on")
    assert "glcbt-secret" not in manager.log
    assert manager.end(signal.SIGTERM) == 0


def test_a_job_with_an_address_that_is_none_fails_and_says_why(manager: Manager, script: Scripted) -> None:
    script.says("PUT /jobs/7", Reply(200, headers={"Job-Status": "running"}))
    script.says("PATCH /jobs/7/trace", Reply(202, headers={"Job-Status": "running"}))
    wrong = job() | {
        "git_info": {"repo_url": "http://[x/a.git", "ref": "main", "sha": "0" * 40},
        "variables": [],
    }
    script.says(REQUEST, Reply(201, wrong), NOTHING)
    until(lambda: ended(script), "its end is told")
    assert [one["state"] for one in ended(script)] == ["failed"]
    log = b"".join(one.content for one in script.calls("PATCH /jobs/7/trace")).decode()
    assert "the repository's address is none" in log
    until(lambda: not list((manager.config.parent / "jobs").iterdir()), "the journal is empty")


def test_a_second_signal_ends_it_though_the_coordinator_does_not_answer(
    manager: Manager, script: Scripted
) -> None:
    answered = threading.Event()

    def late(_asked: Asked) -> Reply:
        answered.wait(END_SECONDS)
        return Reply(400)

    script.says("PUT /jobs/7", Reply(503, headers={"Retry-After": "30"}), late)
    script.says(REQUEST, Reply(201, job()), NOTHING)
    until(lambda: script.calls("PUT /jobs/7"), "it tries to accept the job")
    manager.send(signal.SIGTERM)
    until(lambda: len(script.calls("PUT /jobs/7")) == 2, "it hands the job back")
    assert manager.end(signal.SIGTERM) == 1
    answered.set()
    assert "ending at once; 1 jobs are left to this runner's next life" in manager.log
    assert len(list((manager.config.parent / "jobs").iterdir())) == 1


def test_an_end_that_could_not_be_told_is_told_by_the_next_life(manager: Manager, script: Scripted) -> None:
    def busy_at_its_end(asked: Asked) -> Reply:
        running = asked.json()["state"] == "running"
        return Reply(200) if running else Reply(503, headers={"Retry-After": "30"})

    script.says("PUT /jobs/7", busy_at_its_end)
    script.says("PATCH /jobs/7/trace", Reply(202))
    script.says(REQUEST, Reply(201, job()), NOTHING)
    until(lambda: [one["doing"] for one in manager.status()["jobs"]] == ["finish"], "its end is to be told")
    assert manager.end(signal.SIGTERM) == 0
    script.says("PUT /jobs/7", Reply(200))
    before = len(script.calls("PUT /jobs/7"))
    manager.start()
    until(lambda: len(script.calls("PUT /jobs/7")) > before, "the next life tells it")
    # As it was, though nobody runs the job any more.
    assert script.calls("PUT /jobs/7")[-1].json()["state"] == "success"
    until(lambda: not list((manager.config.parent / "jobs").iterdir()), "nothing is left to tell")


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_a_manager_without_jobs_ends_at_once_though_its_question_is_still_open(
    tmp_path: Path, coordinator: Coordinator, number: signal.Signals
) -> None:
    token = coordinator.project().runner().token
    text = entry("one", coordinator.url).replace("glrt-one", token)
    with managing(tmp_path / "runner", text) as manager:
        # The second question is the one that the coordinator keeps for most of a minute.
        until(lambda: manager.runners()["one"]["heard_at"], "the first answer")
        assert manager.end(number) == 0
        assert f"{number.name}: the runner" in manager.log
    assert not (manager.config.parent / "status.json").exists()
