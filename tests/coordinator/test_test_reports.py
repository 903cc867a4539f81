"""Reports of tests: taken whatever is in them, kept as long as they should be, without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.coordinator.junit import KIND, bad, good, junit, suite
from tests.coordinator.server import Job, Project, Runner, WorkTree

pytestmark = pytest.mark.on_both_databases
CI = "unit: {script: make, artifacts: {reports: {junit: '*.xml'}}}\n"
BOMB = '<!DOCTYPE t [<!ENTITY a "ha">]><testsuite><testcase name="&a;"/></testsuite>'


@pytest.fixture
def job(work_tree: WorkTree, runner: Runner) -> Job:
    work_tree.ship(CI)
    return runner.take()


def report(project: Project) -> Any:
    return project.root.get(f"projects/{project.id}/pipelines/{project.pipeline()['id']}/test_report")


def test_a_report_that_cannot_be_read_is_taken_and_told(project: Project, job: Job) -> None:
    assert job.upload(junit(suite(good("a")), BOMB, "{}"), **KIND).status_code == 201
    job.succeed()
    (found,) = report(project)["test_suites"]
    assert found["total_count"] == 1
    entities, syntax = found["suite_error"].splitlines()
    assert "report-2.xml:1: entities are not read" in entities
    assert "report-3.xml:1:1: not well-formed" in syntax
    stored = project.root.get(f"projects/{project.id}/jobs/{job.id}")["artifacts"]
    assert [one["file_type"] for one in stored] == ["junit"]


def test_what_is_no_gzip_at_all_is_taken_and_told(project: Project, job: Job) -> None:
    assert job.upload(b"<testsuites/>", **KIND).status_code == 201
    (found,) = report(project)["test_suites"]
    assert "not packed as it should be" in found["suite_error"]


def test_a_report_that_is_sent_again_counts_once(project: Project, job: Job) -> None:
    for _ in range(2):
        assert job.upload(junit(suite(good("a"))), **KIND).status_code == 201
    assert report(project)["total_count"] == 1


def test_masked_values_are_not_in_it(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    project.set_variable("KEY", "correct-horse-battery", masked=True)
    work_tree.ship(CI)
    job = runner.take()
    job.upload(junit(suite(bad("a", "no correct-horse-battery", "correct-horse-battery"))), **KIND)
    (case,) = report(project)["test_suites"][0]["test_cases"]
    assert case["system_output"] == "[MASKED]"


def test_an_erased_job_has_no_report(project: Project, job: Job) -> None:
    job.upload(junit(suite(bad("a"))), **KIND)
    job.fail()
    project.root.post(f"projects/{project.id}/jobs/{job.id}/erase")
    assert report(project)["total_count"] == 0


def test_what_went_wrong_is_known_when_the_report_has_expired(project: Project, job: Job) -> None:
    job.upload(junit(suite(good("a"), bad("b"))), **KIND)
    job.fail()
    (file,) = (project.coordinator.data.coordinator / "artifacts" / str(project.id) / str(job.id)).iterdir()
    file.unlink()
    (found,) = report(project)["test_suites"]
    assert (found["total_count"], [one["name"] for one in found["test_cases"]]) == (2, ["b"])


def test_a_deleted_pipeline_takes_its_report_along(project: Project, job: Job) -> None:
    job.upload(junit(suite(good("a"))), **KIND)
    number = project.pipeline()["id"]
    answer = project.root.call("DELETE", f"projects/{project.id}/pipelines/{number}")
    assert answer.status_code == 204
