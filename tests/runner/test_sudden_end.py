"""A runner is killed at each stage of a job, and started again: what becomes of the job, each time the same."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.coordinator.server import Coordinator, running, until
from tests.runner import sudden_end as moments
from tests.runner.gate import Gate, gate
from tests.runner.process import managing
from tests.runner.sudden_end import LAST_WORD, SECONDS, Fleet, Moment, processes
from tests.scenarios.kill_runners import gateway, left_on_the_engine, remove

from shipline.config import Config, Runners

KILLED = "ERROR: Job failed (system failure): the runner was killed, and started again"
# One that is told of no job waits a little longer than any runner is silent.
SETTINGS = Config(runners=Runners(silence_seconds=90, acknowledge_seconds=3))
STORE = """[runners.cache]
Type = "s3"
[runners.cache.s3]
ServerAddress = "{address}"
Insecure = true
BucketName = "store"
AccessKey = "a"
SecretKey = "b"
"""


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator"), SETTINGS) as started:
        yield started


@pytest.fixture(scope="module")
def passage(coordinator: Coordinator) -> Iterator[Gate]:
    with gate(coordinator.port) as opened:
        yield opened


@pytest.fixture(scope="module")
def shell(
    coordinator: Coordinator, passage: Gate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with shell_fleet(tmp_path_factory.mktemp("shell"), coordinator, passage) as fleet:
        yield fleet


@contextmanager
def shell_fleet(folder: Path, coordinator: Coordinator, passage: Gate) -> Iterator[Fleet]:
    project = coordinator.project()
    text = (
        "concurrent = 2\ncheck_interval = 1\n"
        f'[[runners]]\nname = "here"\nexecutor = "shell"\nurl = "{passage.url}"\nclone_url = "{passage.url}"\n'
        f'token = "{project.runner().token}"\n' + STORE.format(address=f"127.0.0.1:{passage.port}")
    )
    # With it a job has files that hold a secret.
    project.set_variable("KEY_FILE", "a secret of many letters", variable_type="file")
    with managing(folder, text) as manager:
        tree = project.work_tree(folder / "tree")

        def left() -> list[str]:
            return [*processes(folder, manager), *(str(one) for one in folder.rglob("*.tmp"))]

        yield Fleet(passage, project, manager, tree, "127.0.0.1", left)
        assert manager.end(signal.SIGTERM) == 0


@pytest.fixture(scope="module")
def containers(
    coordinator: Coordinator, passage: Gate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    docker_host = os.environ.get("DOCKER_HOST", "")
    if not docker_host:
        pytest.fail("No DOCKER_HOST: run these with `shipline host run -- pytest -m engine`.")
    folder = tmp_path_factory.mktemp("containers")
    project = coordinator.project()
    host, owner = asyncio.run(gateway(docker_host)), f"test-{secrets.token_hex(6)}"
    text = (
        "concurrent = 2\ncheck_interval = 1\n"
        f'[[runners]]\nname = "there"\nurl = "{passage.url}"\nclone_url = "http://{host}:{passage.port}"\n'
        f'token = "{project.runner().token}"\nowner = "{owner}"\n'
        f'[runners.docker]\nhost = "{docker_host}"\nimage = "debian:bookworm"\n'
        'pull_policy = ["if-not-present"]\n'
    )
    try:
        with managing(folder, text) as manager:
            tree = project.work_tree(folder / "tree")

            def left() -> list[str]:
                return asyncio.run(left_on_the_engine(docker_host, [owner]))

            yield Fleet(passage, project, manager, tree, host, left)
            assert manager.end(signal.SIGTERM) == 0
    finally:
        remove(docker_host, owner)


# After these its script has begun, and with that has done what it does.
BEGUN = (moments.STEP_SCRIPT, moments.AFTER_SCRIPT, moments.ARCHIVE_CACHE, moments.UPLOAD_ARTIFACTS)
FAILING = (
    moments.ACCEPTED,
    moments.GET_SOURCES,
    moments.RESTORE_CACHE,
    moments.DOWNLOAD_ARTIFACTS,
    *BEGUN,
)


def name_of(moment: Moment) -> str:
    return moment.name


@pytest.mark.parametrize("moment", FAILING, ids=name_of)
def test_a_job_of_a_killed_runner_has_failed_says_why_and_leaves_nothing(
    shell: Fleet, moment: Moment
) -> None:
    fails_once(shell, moment)


@pytest.mark.engine
@pytest.mark.parametrize(
    "moment",
    [moments.PREPARE, moments.GET_SOURCES, moments.STEP_SCRIPT, moments.UPLOAD_ARTIFACTS],
    ids=name_of,
)
def test_the_containers_of_a_killed_runner_s_job_are_gone_and_it_has_failed(
    containers: Fleet, moment: Moment
) -> None:
    fails_once(containers, moment)


@pytest.mark.parametrize("moment", [moments.HANDED_OUT, moments.ACCEPTING], ids=name_of)
def test_a_job_that_a_killed_runner_had_not_begun_is_run_all_the_same(shell: Fleet, moment: Moment) -> None:
    with shell.dying(moment) as number:
        assert shell.job(number)["status"] == "pending"
        shell.manager.start()
        ended = shell.ends(number)
    assert ended["status"] == "success"
    log = shell.project.trace(number)
    assert KILLED not in log
    assert log.count(f"\n{LAST_WORD}") == 1
    assert is_left_alone(shell, number, begun=1)
    assert shell.job(number) == ended


@pytest.mark.parametrize("moment", [moments.ENDING, moments.ENDED], ids=name_of)
def test_a_job_that_was_done_when_its_runner_was_killed_ends_as_it_did(shell: Fleet, moment: Moment) -> None:
    with shell.dying(moment) as number:
        assert shell.job(number)["status"] == ("running" if moment is moments.ENDING else "success")
        shell.manager.start()
        ended = shell.ends(number)
        until(lambda: not shell.journal(), "the journal is empty")
    assert ended["status"] == "success"
    log = shell.project.trace(number)
    assert KILLED not in log
    assert log.count("Job succeeded") == 1
    assert is_left_alone(shell, number, begun=1)
    assert shell.job(number) == ended


def test_a_job_whose_runner_never_comes_back_fails_when_it_was_silent_for_too_long(tmp_path: Path) -> None:
    """How long that is, and what a clock does to it that jumps, is tests/coordinator/test_sweep_plan.py's."""
    with (
        running(tmp_path / "data", Config(runners=Runners(silence_seconds=4))) as coordinator,
        gate(coordinator.port) as passage,
        shell_fleet(tmp_path / "shell", coordinator, passage) as fleet,
    ):
        with fleet.dying(moments.STEP_SCRIPT) as number:
            ended = fleet.ends(number)
            assert (ended["status"], ended["failure_reason"]) == ("failed", "stuck_or_timeout_failure")
            log = fleet.project.trace(number)
            assert "Job failed: its runner fell silent. Look whether it runs" in log
            # Nobody else could end what still goes on; the runner does if it comes back after all.
            assert fleet.left()
            fleet.manager.start()
            until(lambda: not fleet.left(), "nothing is left", SECONDS)
        assert is_left_alone(fleet, number, begun=1)
        assert fleet.job(number) == ended
        assert fleet.project.trace(number) == log


def fails_once(fleet: Fleet, moment: Moment) -> None:
    with fleet.dying(moment) as number:
        assert fleet.job(number)["status"] == "running"
        fleet.manager.start()
        ended = fleet.ends(number)
        assert (ended["status"], ended["failure_reason"]) == ("failed", "runner_system_failure")
        # While what it waited for has still not come: nobody waits for it any more.
        until(lambda: not fleet.left(), f"nothing is left: {fleet.left()}", SECONDS)
    log = fleet.project.trace(number)
    assert log.count(KILLED) == 1
    assert "Job succeeded" not in log
    assert is_left_alone(fleet, number, begun=moment in BEGUN)
    assert fleet.job(number) == ended


def is_left_alone(fleet: Fleet, number: int, begun: int) -> bool:
    """Nobody has anything of the job any more, and the next one runs."""
    until(lambda: not fleet.journal(), "the journal is empty")
    fleet.next_runs(number)
    until(lambda: not fleet.left(), f"nothing is left: {fleet.left()}", SECONDS)
    return fleet.gate.said["begun", number] == begun
