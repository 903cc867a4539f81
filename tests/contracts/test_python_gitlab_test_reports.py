"""The real python-gitlab and what the tests of a pipeline came to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import pytest
from tests.coordinator.junit import ERROR, KIND, SKIPPED, bad, good, junit, suite
from tests.coordinator.server import GUEST, Coordinator, Project, WorkTree, running

JUNIT = "artifacts: {reports: {junit: '*.xml'}}"


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@pytest.fixture
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(made: Project, tmp_path: Path) -> WorkTree:
    return made.work_tree(tmp_path / "tree")


@pytest.fixture
def project(coordinator: Coordinator, made: Project) -> Iterator[Any]:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as client:
        yield client.projects.get(made.id)


def test_a_pipeline_without_reports_has_an_empty_one(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    work_tree.ship("job: {script: make}\n")
    pipeline = project.pipelines.get(made.pipeline()["id"])
    report = pipeline.test_report.get()
    assert (report.total_count, report.total_time, report.test_suites) == (0, 0, [])
    assert pipeline.test_report_summary.get().total == {
        "time": 0,
        "count": 0,
        "success": 0,
        "failed": 0,
        "skipped": 0,
        "error": 0,
        "suite_error": None,
    }


def test_cases_and_sums_are_told_suite_by_suite(made: Project, work_tree: WorkTree, project: Any) -> None:
    work_tree.ship(f"unit: {{script: make, parallel: 2, {JUNIT}}}\nother: {{script: make, {JUNIT}}}\n")
    jobs = made.runner().take_all()
    reports = {
        "unit 1/2": junit(suite(good("one"), SKIPPED), suite(good("two", 0.25))),
        "unit 2/2": junit(suite(bad("three", text="assert 1 == 2", printed="hello"), ERROR)),
        "other": junit(suite(good("four")), "<testsuite"),
    }
    for name, content in reports.items():
        assert jobs[name].upload(content, **KIND).status_code == 201
    pipeline = project.pipelines.get(made.pipeline()["id"])
    report = pipeline.test_report.get()
    counts = (report.total_count, report.success_count, report.failed_count, report.skipped_count)
    assert (*counts, report.error_count, report.total_time) == (6, 3, 1, 1, 1, 2.75)
    unit, other = report.test_suites
    assert (unit["name"], unit["total_count"], unit["suite_error"]) == ("unit", 5, None)
    assert [(one["status"], one["name"]) for one in unit["test_cases"]] == [
        ("error", "setup"),
        ("failed", "three"),
        ("success", "one"),
        ("success", "two"),
        ("skipped", "later"),
    ]
    assert unit["test_cases"][1] == {
        "status": "failed",
        "name": "three",
        "classname": "app.tests",
        "file": "app/tests.py",
        "execution_time": 1.5,
        "system_output": "assert 1 == 2\n\nSystem Out:\n\nhello",
        "stack_trace": None,
        "recent_failures": None,
    }
    # What could be read of a bad report counts.
    assert [one["name"] for one in other["test_cases"]] == ["four"]
    assert other["suite_error"].startswith("JUnit XML parsing failed: report-2.xml:1:")
    summary = pipeline.test_report_summary.get()
    assert (summary.total["count"], summary.total["failed"], summary.total["time"]) == (6, 1, 2.75)
    assert summary.total["suite_error"] == other["suite_error"]
    assert [(one["name"], one["total_count"]) for one in summary.test_suites] == [("unit", 5), ("other", 1)]
    assert summary.test_suites[0]["build_ids"] == sorted(jobs[name].id for name in ("unit 1/2", "unit 2/2"))


def test_only_the_newest_attempt_counts(made: Project, work_tree: WorkTree, project: Any) -> None:
    work_tree.ship(f"unit: {{script: make, {JUNIT}}}\n")
    runner = made.runner()
    first = runner.take()
    first.upload(junit(suite(bad("a"))), **KIND)
    first.fail()
    pipeline = project.pipelines.get(made.pipeline()["id"])
    assert pipeline.test_report_summary.get().total["failed"] == 1
    assert made.act("retry", first.id).status_code == 201
    assert pipeline.test_report_summary.get().total["count"] == 0
    runner.take().upload(junit(suite(good("a"))), **KIND)
    assert pipeline.test_report_summary.get().total["success"] == 1


def test_a_report_that_not_everybody_may_have_shows_them_its_sums_alone(
    coordinator: Coordinator, made: Project, work_tree: WorkTree
) -> None:
    work_tree.ship("unit: {script: make, artifacts: {access: developer, reports: {junit: a.xml}}}\n")
    made.runner().take().upload(junit(suite(bad("a-secret-name"))), **KIND)
    guest = made.add(GUEST)
    path = f"projects/{made.id}/pipelines/{made.pipeline()['id']}/test_report"
    report = guest.get(path)
    assert (report["failed_count"], report["test_suites"][0]["test_cases"]) == (1, [])
    assert guest.get(f"{path}_summary")["total"]["failed"] == 1
    assert coordinator.root.get(path)["test_suites"][0]["test_cases"][0]["name"] == "a-secret-name"
