"""Two-phase commit: a manager that knows it has the job, and begins it, keeps it, or loses it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.pages import signed_in
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import ZIP, Coordinator, Job, Project, Runner, WorkTree, until

pytestmark = on_both_databases


@pytest.fixture
def patient(runner: Runner) -> Runner:
    runner.features["two_phase_job_commit"] = True
    return runner


@pytest.fixture
def handed(work_tree: WorkTree, patient: Runner) -> Job:
    work_tree.ship(CI)
    return patient.take()


def test_a_job_that_is_handed_out_stays_pending_and_is_nobody_else_s(
    project: Project, handed: Job, patient: Runner
) -> None:
    job = project.jobs()["job"]
    assert (job["status"], job["started_at"], job["runner"]["id"]) == ("pending", None, patient.id)
    assert project.pipeline()["status"] == "pending"
    assert patient.request().status_code == 204
    assert project.runner().request().status_code == 204


def test_pending_keeps_the_job_and_running_begins_it(project: Project, handed: Job) -> None:
    for _ in range(3):
        answer = handed.update("pending")
        assert (answer.status_code, answer.headers["Job-Status"]) == (200, "pending")
    begun = handed.update("running")
    assert (begun.status_code, begun.headers["Job-Status"]) == (200, "running")
    job = project.jobs()["job"]
    assert job["status"] == "running"
    assert job["started_at"] >= job["queued_at"]
    assert project.pipeline()["status"] == "running"
    assert handed.update("running").status_code == 200
    # From here on it is a job as any other.
    assert handed.update("pending").status_code == 400
    handed.succeed()
    assert project.statuses() == {"job": "success"}


@pytest.mark.parametrize("state", ["success", "failed", "", "nonsense"])
def test_a_job_that_was_not_begun_cannot_end(project: Project, handed: Job, state: str) -> None:
    answer = handed.update(state)
    assert (answer.status_code, answer.headers["Job-Status"]) == (400, "pending")
    assert project.statuses() == {"job": "pending"}


def test_its_token_opens_nothing_before_it_runs(handed: Job) -> None:
    assert handed.upload(ZIP).status_code == 403
    assert handed.download(handed.id).status_code == 403
    with handed.coordinator.client(**{"JOB-TOKEN": handed.token}) as client:
        assert client.get("/api/v4/job").status_code == 401
    handed.update("running")
    assert handed.upload(ZIP).status_code == 201


def test_a_manager_may_say_in_the_log_what_it_is_doing(project: Project, handed: Job) -> None:
    assert handed.trace(b"Starting a machine ...\n").status_code == 202
    assert project.trace(handed.id) == "Starting a machine ...\n"


def test_a_cancelled_job_is_told_to_the_manager_that_has_it(project: Project, handed: Job) -> None:
    assert project.act("cancel", handed.id).status_code == 201
    for state in ("pending", "running"):
        answer = handed.update(state)
        assert (answer.status_code, answer.headers["Job-Status"]) == (403, "canceled")
    assert project.statuses() == {"job": "canceled"}


def test_a_manager_that_goes_gives_its_job_back(project: Project, handed: Job, patient: Runner) -> None:
    assert patient.call("DELETE", "/managers").status_code == 204
    again = patient.take()
    assert (again.id, again.token == handed.token) == (handed.id, False)
    assert handed.update("running").status_code == 403
    assert again.update("running").status_code == 200


@pytest.mark.parametrize("who", ["manager", "runner", "administrator"])
def test_who_waits_is_told_of_a_job_that_a_removed_runner_had_and_gets_a_new_log(
    project: Project, handed: Job, patient: Runner, who: str
) -> None:
    handed.trace(b"Starting a machine ...\n")
    waiting = project.runner()
    assert waiting.request().status_code == 204
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(waiting.request, waiting.last_update)
        if who == "administrator":
            assert project.root.call("DELETE", f"runners/{patient.id}").status_code == 204
        else:
            assert patient.call("DELETE", "/managers" if who == "manager" else "").status_code == 204
        # Far less than the long poll takes.
        answer = polling.result()
    assert answer.status_code == 201
    again = Job(project.coordinator, answer.json())
    assert again.id == handed.id
    assert again.trace(b"hello\n").headers["Range"] == "0-6"
    assert project.trace(again.id) == "hello\n"
    again.succeed()


def test_a_manager_that_says_it_will_not_begin_the_job_gives_it_back_at_once(
    project: Project, handed: Job, patient: Runner
) -> None:
    answer = handed.update("failed", failure_reason="runner_system_failure")
    assert (answer.status_code, answer.headers["Job-Status"]) == (400, "pending")
    again = patient.take()
    assert (again.id, again.token == handed.token) == (handed.id, False)
    # What the first still says of it changes nothing.
    assert handed.update("failed").status_code == 403
    assert again.update("running").status_code == 200
    assert project.statuses() == {"job": "running"}


def test_a_job_that_is_not_begun_goes_to_another_runner(
    impatient: Coordinator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = impatient.project()
    runner = project.runner()
    runner.features["two_phase_job_commit"] = True
    project.work_tree(tmp_path_factory.mktemp("tree")).ship(CI)
    lost = runner.take()
    assert lost.trace(b"Starting a machine ...\n").status_code == 202
    until(lambda: project.jobs()["job"]["runner"] is None, "the job went back to the queue")
    with signed_in(impatient, impatient.root) as client:
        shown = client.get(f"/{project.path}/-/jobs/{lost.id}").text
    assert "The runner that had it did not begin: it waits for another; waiting for a free runner" in shown
    # The manager hears of it, as long as nobody else has the job.
    for state in ("pending", "running"):
        answer = lost.update(state)
        assert (answer.status_code, answer.headers["Job-Status"]) == (409, "pending")
    other = project.runner().take()
    assert (other.id, other.payload["token"] == lost.token) == (lost.id, False)
    assert lost.update("running").status_code == 403
    assert other.trace(b"hello\n").status_code == 202
    assert project.trace(other.id) == "hello\n"
    other.succeed()


def test_a_runner_that_does_not_know_it_begins_at_once(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    job = project.runner().take()
    assert project.statuses() == {"job": "running"}
    assert job.update("pending").status_code == 400
