"""The coordinator as a process: how it ends, and what it knows afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.coordinator.server import ZIP, Coordinator, Project, Runner, running, until

CI = "stages: [a, b]\njob:\n  stage: a\n  script: echo\nnext:\n  stage: b\n  script: echo\n"


def shipped(coordinator: Coordinator, folder: Path) -> tuple[Project, Runner]:
    project = coordinator.project()
    project.work_tree(folder).ship(CI)
    return project, project.runner()


def waiting(runners: list[Runner]) -> bool:
    """True when every runner's next request, which comes from another machine, has reached the server."""
    root = runners[0].coordinator.root
    return all(len(root.get(f"runners/{runner.id}/managers")) == 2 for runner in runners)


def test_sigterm_answers_long_polls_at_once_and_ends_the_process(own_coordinator: Coordinator) -> None:
    project = own_coordinator.project()
    runners = [project.runner() for _ in range(5)]
    for runner in runners:
        assert runner.request().status_code == 204
        runner.system_id = "s_another"
    with ThreadPoolExecutor(len(runners)) as pool:
        # The answer comes within the client's patience, which is less than a long poll.
        polls = [pool.submit(runner.request, runner.last_update) for runner in runners]
        until(lambda: waiting(runners), "all runners wait")
        assert own_coordinator.end(signal.SIGTERM) == 0
        assert [poll.result().status_code for poll in polls] == [204] * len(runners)


def test_sigterm_ends_event_streams_too(own_coordinator: Coordinator, tmp_path: Path) -> None:
    project = own_coordinator.project(visibility="public")
    project.work_tree(tmp_path / "tree").ship(CI)
    job = project.jobs()["job"]["id"]
    with (
        own_coordinator.client() as client,
        client.stream("GET", f"/{project.path}/-/jobs/{job}/live") as stream,
    ):
        lines = stream.iter_lines()
        assert "event: reset" in iter(lambda: next(lines), "event: done")
        assert own_coordinator.end(signal.SIGTERM) == 0
        assert "event: done" not in list(lines)


def test_what_was_answered_is_there_after_a_kill(own_coordinator: Coordinator, tmp_path: Path) -> None:
    project, runner = shipped(own_coordinator, tmp_path / "tree")
    project.set_variable("KEY", "value")
    job = runner.take()
    assert job.trace(b"hello ").status_code == 202
    assert job.upload(ZIP).status_code == 201
    own_coordinator.end(signal.SIGKILL)
    own_coordinator.start()
    assert project.statuses() == {"job": "running", "next": "created"}
    assert project.trace(job.id) == "hello "
    again = job.trace(b"hello ")
    assert (again.status_code, again.headers["Range"]) == (416, "0-6")
    assert job.trace(b"world", 6).status_code == 202
    assert job.download(job.id).content == ZIP
    job.succeed()
    own_coordinator.end(signal.SIGKILL)
    own_coordinator.start()
    assert project.statuses() == {"job": "success", "next": "pending"}
    after = runner.take()
    assert after.variables["KEY"] == "value"
    assert [dependency["id"] for dependency in after.payload["dependencies"]] == [job.id]


def test_a_runner_that_polled_before_a_restart_is_answered_after_it(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project, runner = shipped(own_coordinator, tmp_path / "tree")
    runner.take()
    assert runner.request().status_code == 204
    before = runner.last_update
    own_coordinator.end(signal.SIGKILL)
    own_coordinator.start()
    # The value of another life is not current: it is answered at once.
    assert runner.request(before).status_code == 204
    assert runner.last_update != before
    assert project.pipeline()["status"] == "running"


def test_what_a_killed_life_left_of_uploads_is_gone(own_coordinator: Coordinator) -> None:
    uploads = own_coordinator.data.coordinator / "uploads"
    own_coordinator.end(signal.SIGKILL)
    (uploads / "tmpabc.upload").write_bytes(b"half of it")
    own_coordinator.start()
    assert list(uploads.iterdir()) == []


def test_a_port_that_is_taken_is_told_in_a_sentence(own_coordinator: Coordinator, tmp_path: Path) -> None:
    words = ["coordinator", "--data", str(tmp_path / "another"), "--port", str(own_coordinator.port)]
    ended = subprocess.run(
        [sys.executable, "-m", "shipline", *words], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert f"Cannot listen on 127.0.0.1:{own_coordinator.port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_first_start_makes_an_administrator_once(tmp_path: Path) -> None:
    with running(tmp_path / "data", for_the_first_time=True) as coordinator:
        token = coordinator.root.token
        assert coordinator.root.get("user")["is_admin"] is True
        coordinator.end()
        coordinator.start()
        assert coordinator.root.token == token
        assert coordinator.root.get("user")["username"] == "root"
