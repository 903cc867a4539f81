"""What a runner says of its job, and what it hears."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    ZIP,
    Job,
    Project,
    Runner,
    WorkTree,
)

pytestmark = on_both_databases


def test_only_the_job_s_own_token_opens_it(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship("one:\n  script: echo\ntwo:\n  script: echo\n")
    one, two = runner.take_all().values()
    for token in (two.token, runner.token, project.root.token, "", "wrong"):
        stranger = Job(one.coordinator, one.payload | {"token": token})
        assert stranger.trace(b"hello").status_code == 403
        assert stranger.update("success").status_code == 403
        assert stranger.upload(ZIP).status_code == 403
        assert "Job-Status" not in stranger.update("success").headers
    assert project.trace(one.id) == ""
    assert project.statuses()["one"] == "running"


@pytest.mark.parametrize(
    ("state", "members", "status", "reason", "code"),
    [
        ("success", {}, "success", None, None),
        ("failed", {"failure_reason": "script_failure", "exit_code": 7}, "failed", "script_failure", 7),
        ("failed", {"failure_reason": "image_pull_failure"}, "failed", "image_pull_failure", None),
        ("failed", {"failure_reason": "of my own making"}, "failed", "unknown_failure", None),
        ("failed", {}, "failed", "unknown_failure", None),
    ],
)
def test_a_runner_tells_how_the_job_ended(
    project: Project,
    job: Job,
    state: str,
    members: dict[str, object],
    status: str,
    reason: str | None,
    code: int | None,
) -> None:
    answer = job.update(state, checksum="crc32:00000000", output={"bytesize": 0}, **members)
    assert (answer.status_code, answer.json()) == (200, 200)
    assert answer.headers["Job-Status"] == status
    found = project.jobs()["job"]
    assert (found["status"], found["failure_reason"], found["exit_code"]) == (status, reason, code)
    assert found["finished_at"] is not None
    assert project.pipeline()["status"] == status


def test_running_is_a_sign_of_life(project: Project, job: Job) -> None:
    answer = job.update("running")
    assert (answer.status_code, answer.headers["Job-Status"]) == (200, "running")
    assert project.statuses() == {"job": "running"}


@pytest.mark.parametrize("state", ["pending", "canceled", "nonsense"])
def test_any_other_state_is_400(project: Project, job: Job, state: str) -> None:
    answer = job.update(state)
    assert (answer.status_code, answer.headers["Job-Status"]) == (400, "running")
    assert project.statuses() == {"job": "running"}


def test_an_exit_code_that_no_program_has_is_400(project: Project, job: Job) -> None:
    assert job.update("failed", exit_code=10**30).status_code == 400
    assert project.statuses() == {"job": "running"}


def test_a_finished_job_answers_403_with_its_status(project: Project, job: Job) -> None:
    job.trace(b"all")
    job.succeed()
    for answer in (job.update("failed"), job.update("running"), job.trace(b"more", 3), job.upload(ZIP)):
        assert (answer.status_code, answer.headers.get("Job-Status")) == (403, "success")
    assert job.download(job.id).status_code == 403
    assert project.trace(job.id) == "all"
    assert project.statuses() == {"job": "success"}


def test_a_job_ends_once_however_many_say_so(project: Project, job: Job) -> None:
    states = ["success", "failed"] * 4
    with ThreadPoolExecutor(len(states)) as pool:
        answers = list(pool.map(job.update, states))
    accepted = [answer.headers["Job-Status"] for answer in answers if answer.status_code == 200]
    assert accepted == [project.statuses()["job"]]


def test_current_job_is_told_by_its_token(project: Project, job: Job) -> None:
    with job.coordinator.client(**{"JOB-TOKEN": job.token}) as client:
        assert client.get("/api/v4/job").json()["id"] == job.id
    with job.coordinator.client(**{"JOB-TOKEN": "wrong"}) as client:
        assert client.get("/api/v4/job").status_code == 401
