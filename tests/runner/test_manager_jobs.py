"""The manager with jobs in hand, a real coordinator and a real engine: what each signal does to them."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.cli.conftest import Place
from tests.coordinator.server import Coordinator, Project, running, until
from tests.runner.process import Manager, managing

from shipline.engine.labels import OWNER as LABEL
from shipline.runner.engines import TIDY_SECONDS

pytestmark = pytest.mark.engine
# Another run of these tests may be at the same engine.
OWNER = f"shipline-test-manager-{secrets.token_hex(4)}"
# Goes on until it is told to end, or for longer than any test.
CI = """
variables: {GIT_STRATEGY: none}
long:
  script:
    - echo begun
    - for turn in $(seq 600); do [ -e /tmp/end ] && break; sleep 0.1; done
    - echo done
"""


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project()


Start = Callable[[], AbstractContextManager[Manager]]


@pytest.fixture
def start(tmp_path: Path, project: Project) -> Start:
    """A manager for the project's jobs; may be started again over the same config."""
    owner = f"{OWNER}-{project.id}"
    token = project.runner().token
    text = f"""
concurrent = 2
check_interval = 1
shutdown_timeout = 60
[[runners]]
name = "one"
url = "{project.coordinator.url}"
token = "{token}"
owner = "{owner}"
[runners.docker]
image = "debian:bookworm"
pull_policy = "never"
"""
    if not os.environ.get("DOCKER_HOST"):
        pytest.fail("No DOCKER_HOST: run these with `shipline host run -- pytest -m engine`.")
    return lambda: managing(tmp_path / "runner", text)


def docker(*words: str) -> list[str]:
    """The words that it prints."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.split()


def containers(project: Project) -> list[str]:
    return docker("ps", "-aq", "--filter", f"label={LABEL}={OWNER}-{project.id}")


def begin(project: Project, folder: Path, manager: Manager) -> int:
    """Push, and wait until the job is at its script."""
    project.work_tree(folder).ship(CI)
    number = int(project.jobs()["long"]["id"])
    until(lambda: "\nbegun" in project.trace(number), f"the job has begun: {manager.log}", 90)
    return number


def end_well(project: Project) -> None:
    """Let the job's script come to its end."""
    for container in containers(project):
        subprocess.run(["docker", "exec", container, "touch", "/tmp/end"], capture_output=True)


def job(project: Project, number: int) -> dict[str, object]:
    return dict(project.root.get(f"projects/{project.id}/jobs/{number}"))


def test_sigquit_takes_no_more_jobs_and_waits_for_those_that_run(
    project: Project, tmp_path: Path, start: Start
) -> None:
    with start() as manager:
        number = begin(project, tmp_path / "tree", manager)
        told = (
            Place(tmp_path)
            .run("runner", "status", "--config", str(manager.config), "--format", "json")
            .json()
        )
        (held,) = told["jobs"]
        assert (held["id"], held["name"], held["doing"]) == (number, "long", "step_script")
        assert held["project"] == project.path
        manager.send(signal.SIGQUIT)
        until(lambda: manager.status()["state"] == "finishing", "it takes no more jobs")
        project.work_tree(tmp_path / "other").ship(CI, branch="second")
        end_well(project)
        assert manager.ended() == 0
        assert job(project, number)["status"] == "success"
        assert project.statuses() == {"long": "pending"}
        assert containers(project) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_sigint_end_the_jobs_and_tell_the_coordinator(
    project: Project, tmp_path: Path, start: Start, number: signal.Signals
) -> None:
    with start() as manager:
        found = begin(project, tmp_path / "tree", manager)
        assert manager.end(number) == 0
        ended = job(project, found)
        assert (ended["status"], ended["failure_reason"]) == ("failed", "runner_interrupted")
        assert "the runner is going down" in project.trace(found)
        assert containers(project) == []
        assert not list((manager.config.parent / "jobs").iterdir())


def test_sigterm_after_sigquit_ends_the_jobs_that_it_waited_for(
    project: Project, tmp_path: Path, start: Start
) -> None:
    with start() as manager:
        found = begin(project, tmp_path / "tree", manager)
        manager.send(signal.SIGQUIT)
        until(lambda: manager.status()["state"] == "finishing", "it takes no more jobs")
        assert manager.end(signal.SIGTERM) == 0
        assert job(project, found)["failure_reason"] == "runner_interrupted"
        assert containers(project) == []


def test_a_second_signal_ends_it_at_once_and_its_next_life_clears_up(
    project: Project, tmp_path: Path, start: Start
) -> None:
    with start() as manager:
        found = begin(project, tmp_path / "tree", manager)
        manager.send(signal.SIGTERM)
        until(lambda: "SIGTERM: the runner ends the jobs" in manager.log, "the first is heard")
        assert manager.end(signal.SIGINT) in (0, 1)
        manager.start()
        until(lambda: job(project, found)["status"] == "failed", "the coordinator knows")
        until(lambda: containers(project) == [], "nothing is left")
        assert manager.end(signal.SIGTERM) == 0


def test_a_killed_manager_s_next_life_tells_the_end_of_its_jobs_and_removes_what_is_left(
    project: Project, tmp_path: Path, start: Start
) -> None:
    with start() as manager:
        found = begin(project, tmp_path / "tree", manager)
        manager.end(signal.SIGKILL)
        assert containers(project) != []
        assert manager.status()["state"] == "working"
        told = Place(tmp_path).run("runner", "status", "--config", str(manager.config))
        assert told.code == 3
        manager.start()
        until(lambda: job(project, found)["status"] == "failed", "the coordinator knows")
        assert job(project, found)["failure_reason"] == "runner_system_failure"
        assert "the runner was killed" in project.trace(found)
        until(lambda: containers(project) == [], "nothing is left")
        assert manager.end(signal.SIGTERM) == 0


def test_what_appears_after_the_first_look_and_is_no_job_s_goes_too(
    project: Project, tmp_path: Path, start: Start
) -> None:
    """As a killed manager's call leaves it, which the engine carries out all the same."""
    with start() as manager:
        found = begin(project, tmp_path / "tree", manager)
        its_own = set(containers(project))
        marks = [f"--label={LABEL}={OWNER}-{project.id}", "--label=io.shipline.role=job-build"]
        docker("create", *marks, "--volume", "/data", "debian:bookworm")
        until(lambda: set(containers(project)) == its_own, "only the job's own are left", 2 * TIDY_SECONDS)
        end_well(project)
        until(lambda: job(project, found)["status"] == "success", "the job ends", 60)
        assert manager.end(signal.SIGTERM) == 0


def test_what_cannot_be_removed_at_the_start_keeps_jobs_waiting_but_ends_no_runner(
    project: Project, tmp_path: Path, start: Start
) -> None:
    """A network with somebody else's container on it."""
    name = f"{OWNER}-{project.id}-left"
    marks = [f"--label={LABEL}={OWNER}-{project.id}", "--label=io.shipline.role=job-network"]
    docker("network", "create", *marks, name)
    try:
        docker("run", "--detach", "--name", name, "--network", name, "debian:bookworm", "sleep", "600")
        with start() as manager:
            until(lambda: manager.runners()["one"]["problem"], "it says why it takes no jobs", 60)
            assert "removing what is left over" in manager.runners()["one"]["problem"]
            docker("rm", "--force", name)
            found = begin(project, tmp_path / "tree", manager)
            end_well(project)
            until(lambda: job(project, found)["status"] == "success", "the job ends", 60)
            assert name not in docker("network", "ls", "--format", "{{.Name}}")
            assert manager.end(signal.SIGTERM) == 0
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True)
        subprocess.run(["docker", "network", "rm", name], capture_output=True)


def test_a_job_ends_well_though_its_entry_left_the_config(
    project: Project, tmp_path: Path, start: Start
) -> None:
    with start() as manager:
        found = begin(project, tmp_path / "tree", manager)
        manager.config.write_text("concurrent = 2\n")
        manager.send(signal.SIGHUP)
        until(lambda: manager.runners()["one"]["state"] == "leaving", "it leaves")
        end_well(project)
        until(lambda: job(project, found)["status"] == "success", "the job ends", 60)
        until(lambda: not manager.runners(), "the entry is gone")
        assert manager.end(signal.SIGTERM) == 0
