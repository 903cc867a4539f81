"""A runner is killed at each stage of a job, and started again: what becomes of the job, each time the same."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.coordinator.server import Coordinator, running, until
from tests.runner import sudden_end as moments
from tests.runner.gate import Gate, gate
from tests.runner.process import managing
from tests.runner.sudden_end import LAST_WORD, SECONDS, Fleet, Moment, processes

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
    folder = tmp_path_factory.mktemp("shell")
    project = coordinator.project()
    text = (
        "concurrent = 2\ncheck_interval = 1\n"
        f'[[runners]]\nname = "here"\nexecutor = "shell"\nurl = "{passage.url}"\nclone_url = "{passage.url}"\n'
        f'token = "{project.runner().token}"\n' + STORE.format(address=f"127.0.0.1:{passage.port}")
    )
    with managing(folder, text) as manager:
        tree = project.work_tree(folder / "tree")
        yield Fleet(passage, project, manager, tree, "127.0.0.1", lambda: processes(folder, manager))
        assert manager.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    "moment",
    [
        moments.ACCEPTED,
        moments.GET_SOURCES,
        moments.RESTORE_CACHE,
        moments.DOWNLOAD_ARTIFACTS,
        moments.STEP_SCRIPT,
        moments.AFTER_SCRIPT,
        moments.ARCHIVE_CACHE,
        moments.UPLOAD_ARTIFACTS,
        moments.ENDING,
    ],
    ids=lambda moment: moment.name,
)
def test_a_runner_killed_at_any_stage_fails_its_job_once_and_leaves_nothing(
    shell: Fleet, moment: Moment
) -> None:
    fails_once(shell, moment)


def fails_once(fleet: Fleet, moment: Moment) -> None:
    with fleet.dying(moment) as number:
        assert fleet.job(number)["status"] == "running"
        fleet.manager.start()
        ended = fleet.ends(number)
        assert (ended["status"], ended["failure_reason"]) == ("failed", "runner_system_failure")
        # While what it waited for has still not come: nobody waits for it any more.
        until(lambda: not fleet.left(), f"nothing is left: {fleet.left()}", SECONDS)
        until(lambda: not fleet.journal(), "the journal is empty")
    log = fleet.project.trace(number)
    assert log.count(KILLED) == 1
    assert "Job succeeded" not in log or moment is moments.ENDING
    begun = moment in (
        moments.STEP_SCRIPT,
        moments.AFTER_SCRIPT,
        moments.ARCHIVE_CACHE,
        moments.UPLOAD_ARTIFACTS,
        moments.ENDING,
    )
    assert fleet.gate.said["begun", number] == begun
    fleet.next_runs(number)
    assert fleet.job(number) == ended
