"""What the sweep does, as runners and people see it; how it decides is test_sweep_plan's."""

from __future__ import annotations

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import ZIP, Coordinator, Project, until

pytestmark = on_both_databases


@pytest.fixture
def impatient_project(impatient: Coordinator) -> Project:
    return impatient.project()


def test_a_runner_that_falls_silent_loses_its_job(
    impatient_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = impatient_project
    project.work_tree(tmp_path_factory.mktemp("tree")).ship(CI)
    job = project.runner().take()
    found = until(lambda: (one := project.jobs()["job"])["status"] == "failed" and one, "the job failed")
    assert found["failure_reason"] == "stuck_or_timeout_failure"
    assert project.trace(job.id).count("Job failed: its runner fell silent. Look whether it runs") == 1
    answer = job.trace(b"I am back")
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, "failed")


def test_a_token_that_has_expired_opens_nothing(impatient_project: Project) -> None:
    runner = impatient_project.runner()
    root = impatient_project.root
    expires_at = root.get(f"runners/{runner.id}")["token_expires_at"]
    assert expires_at is not None
    assert runner.verify().status_code == 200
    impatient_project.coordinator.execute(
        f"UPDATE coordinator_runner SET token_expires_at = CURRENT_TIMESTAMP WHERE id = {runner.id}"
    )
    assert runner.verify().status_code == 403
    assert runner.request().status_code == 403
    assert runner.call("POST", "/reset_authentication_token").status_code == 403
    fresh = root.post(f"runners/{runner.id}/reset_authentication_token")
    assert fresh["token_expires_at"] > expires_at
    runner.token = fresh["token"]
    answer = runner.verify()
    assert (answer.status_code, answer.json()["token_expires_at"] is None) == (200, False)


def test_artifacts_that_have_expired_are_gone_except_those_of_the_newest_success(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree = project.work_tree(tmp_path_factory.mktemp("tree"))
    runner = project.runner()
    jobs = []
    for _ in range(2):
        tree.ship(CI)
        job = runner.take()
        assert job.upload(ZIP, expire_in="1 sec").status_code == 201
        job.succeed()
        jobs.append(job)
    older, newest = (f"projects/{project.id}/jobs/{job.id}/artifacts" for job in jobs)
    root = project.root
    until(lambda: root.call("GET", older).status_code == 404, "the older archive is gone")
    assert root.call("GET", newest).content == ZIP
    # A success after it takes its place.
    tree.ship(CI)
    runner.take().succeed()
    until(lambda: root.call("GET", newest).status_code == 404, "the newest archive is gone too")


def test_a_machine_that_has_not_been_heard_of_for_a_week_is_forgotten(project: Project) -> None:
    runner = project.runner()
    for system_id in ("s_gone", "s_here"):
        runner.system_id = system_id
        assert runner.verify().status_code == 200
    project.coordinator.execute(
        "UPDATE coordinator_runnermanager SET contacted_at = '2020-01-01 00:00:00+00' "
        f"WHERE system_id = 's_gone' AND runner_id = {runner.id}"
    )

    def known() -> list[str]:
        return [one["system_id"] for one in project.root.get(f"runners/{runner.id}/managers")]

    until(lambda: known() == ["s_here"], "the machine is forgotten", pause=0.2)
