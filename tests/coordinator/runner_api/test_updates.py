"""What a runner says of its job, and what it hears."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI
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


def test_a_log_that_is_whole_is_known_to_be(project: Project, job: Job) -> None:
    log = b"hello\n"
    job.trace(log)
    said = {"checksum": f"crc32:{zlib.crc32(log):08x}", "bytesize": len(log)}
    assert job.update("success", output=said).status_code == 200
    assert project.trace(job.id) == "hello\n"


@pytest.mark.parametrize(
    "output", [{"checksum": "crc32:00000000", "bytesize": 6}, {"bytesize": 7}, {"checksum": "nonsense"}]
)
def test_a_log_with_a_hole_is_told_and_the_job_s_end_counts(
    project: Project, job: Job, output: dict[str, object]
) -> None:
    job.trace(b"hello\n")
    assert job.update("success", output=output).status_code == 200
    assert project.statuses() == {"job": "success"}
    shown = project.trace(job.id)
    assert "This log is not whole" in shown
    assert shown.endswith("hello\n")
    assert f"job {job.id}: This log is not whole" in project.coordinator.log


def test_coverage_is_read_from_the_log_s_last_match(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = "".join(
        f"job{number}:\n  script: echo\n  coverage: '/TOTAL.*?(\\d+(?:\\.\\d+)?)%/'\n" for number in range(2)
    )
    work_tree.ship(ci + "other:\n  script: echo\n")
    jobs = runner.take_all()
    for name, log in (("job0", b"TOTAL 10%\nTOTAL 81.5%\ndone 100%\n"), ("job1", b"TOTAL 90%")):
        jobs[name].trace(log)
        jobs[name].succeed()
    jobs["other"].trace(b"TOTAL 1%\n")
    jobs["other"].succeed()
    found = {name: job["coverage"] for name, job in project.jobs().items()}
    assert found == {"job0": 81.5, "job1": 90.0, "other": None}
    number = project.pipeline()["id"]
    assert project.root.get(f"projects/{project.id}/pipelines/{number}")["coverage"] == "85.75"


def test_a_cancelled_job_is_canceling_for_a_manager_that_knows_how_to_end_it(
    project: Project, job: Job
) -> None:
    assert project.act("cancel", job.id).status_code == 201
    for answer in (job.update("running"), job.trace(b"bye\n"), job.upload(ZIP)):
        assert answer.status_code in (200, 201, 202)
        assert answer.headers["Job-Status"] == "canceling"
    # Whatever it ends with, it was cancelled.
    assert job.update("failed", failure_reason="job_canceled").headers["Job-Status"] == "canceled"
    assert project.statuses() == {"job": "canceled"}
    told = project.root.get(f"projects/{project.id}/jobs/{job.id}")
    assert told["status_reason"] == "somebody cancelled it"


def test_a_cancelled_job_is_over_for_a_manager_that_does_not(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(CI)
    runner.features = {"cancel_gracefully": False}
    job = runner.take()
    # Another machine of the same runner knows how: that is not the one that has the job.
    runner.features, runner.system_id = {"cancel_gracefully": True}, "s_another"
    assert runner.request().status_code == 204
    assert project.act("cancel", job.id).status_code == 201
    for answer in (job.update("running"), job.trace(b"bye"), job.upload(ZIP)):
        assert (answer.status_code, answer.headers["Job-Status"]) == (403, "canceled")


def test_the_job_of_a_token_is_told_as_gitlab_tells_jobs(project: Project, job: Job) -> None:
    with job.coordinator.client(**{"JOB-TOKEN": job.token}) as client:
        told = client.get("/api/v4/job").json()
    shown = project.root.get(f"projects/{project.id}/jobs/{job.id}")
    assert told == shown
