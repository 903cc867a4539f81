"""Newer pipelines cancel older ones, and failures the rest, as the workflow says."""

from __future__ import annotations

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import Project, Runner, WorkTree

pytestmark = on_both_databases

CI = "stages: [a, b]\none: {stage: a, script: make}\ntwo: {stage: b, script: make}\n"


def test_a_newer_push_cancels_a_pipeline_that_has_not_begun(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    first = project.pipeline()["id"]
    work_tree.ship(CI, **{"more.txt": "more"})
    second = project.pipeline()["id"]
    old = project.root.get(f"projects/{project.id}/pipelines/{first}")
    assert (old["status"], old["status_reason"]) == ("canceled", f"superseded by #{second}")
    assert {job["status_reason"] for job in project.jobs(first).values()} == {f"superseded by #{second}"}
    assert project.pipeline()["status"] == "pending"
    project.root.post(f"projects/{project.id}/pipelines/{first}/retry")
    again = project.root.get(f"projects/{project.id}/pipelines/{first}")
    assert (again["status"], again["status_reason"]) == ("pending", None)


def test_a_job_that_has_begun_and_may_not_be_interrupted_keeps_its_pipeline(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(CI)
    first = project.pipeline()["id"]
    job = runner.take()
    work_tree.ship(CI, **{"more.txt": "more"})
    job.succeed()
    assert {name: one["status"] for name, one in project.jobs(first).items()} == {
        "one": "success", "two": "pending",
    }  # fmt: skip


def test_a_child_pipeline_goes_on_that_may_not_be_interrupted_though_its_parent_is_superseded(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = "".join(
        f"{name}: {{trigger: {{include: {name}.yml, strategy: depend}}}}\n" for name in ("begun", "waiting")
    )
    files = {f"{name}.yml": f"{name}: {{script: make}}\n" for name in ("begun", "waiting")}
    work_tree.ship(ci, **files)
    parent = project.pipeline()["id"]
    children = {name: project.downstream(name, parent)["id"] for name in ("begun", "waiting")}
    taken = runner.take()
    work_tree.ship(ci, **files, **{"more.txt": "more"})
    assert {job["status"] for job in project.bridges(parent).values()} == {"canceled"}
    other = "waiting" if taken.name == "begun" else "begun"
    assert project.jobs(children[taken.name])[taken.name]["status"] == "running"
    assert project.jobs(children[other])[other]["status"] == "canceled"
    taken.succeed()


def test_an_interruptible_job_is_cancelled_while_it_runs(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = "default: {interruptible: true}\n" + CI
    work_tree.ship(ci)
    first = project.pipeline()["id"]
    job = runner.take()
    work_tree.ship(ci, **{"more.txt": "more"})
    assert project.jobs(first)["one"]["status"] == "canceling"
    assert job.update("running").headers["Job-Status"] == "canceling"


@pytest.mark.parametrize("how", ["workflow", "project", "branch"])
def test_a_pipeline_is_left_alone_when_somebody_says_so(
    project: Project, work_tree: WorkTree, how: str
) -> None:
    ci = CI
    if how == "workflow":
        ci = "workflow: {auto_cancel: {on_new_commit: none}}\n" + CI
    elif how == "project":
        project.root.put(f"projects/{project.id}", {"auto_cancel_pending_pipelines": "disabled"})
    work_tree.ship(ci)
    first = project.pipeline()["id"]
    work_tree.ship(ci, branch="topic" if how == "branch" else "main", **{"more.txt": "more"})
    assert project.root.get(f"projects/{project.id}/pipelines/{first}")["status"] == "pending"


def test_one_failure_cancels_the_rest_of_the_pipeline_when_the_workflow_says_so(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = """\
workflow: {auto_cancel: {on_job_failure: all}}
one: {script: make}
two: {script: make}
child: {trigger: {include: child.yml, strategy: depend}}
"""
    work_tree.ship(ci, **{"child.yml": "three: {script: make}\n"})
    pipeline = project.pipeline()["id"]
    child = project.downstream("child", pipeline)["id"]
    jobs = runner.take_all()
    jobs["one"].fail()
    assert project.jobs(pipeline)["two"]["status"] == "canceling"
    assert project.bridges(pipeline)["child"]["status"] == "canceled"
    assert project.jobs(child)["three"]["status"] == "canceling"
    jobs["two"].fail("job_canceled")
    assert project.root.get(f"projects/{project.id}/pipelines/{pipeline}")["status"] == "failed"


def test_a_pipeline_says_that_it_is_canceling_as_soon_as_nothing_else_runs(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("one: {script: make}\ntwo: {script: make}\n")
    jobs = runner.take_all()
    project.act("cancel", jobs["one"].id)
    assert project.pipeline()["status"] == "running"
    jobs["two"].succeed()
    assert project.pipeline()["status"] == "canceling"
    jobs["one"].update("failed", failure_reason="job_canceled")
    assert project.pipeline()["status"] == "canceled"


def test_after_such_a_failure_the_pipeline_can_be_retried(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "workflow: {auto_cancel: {on_job_failure: all}}\none: {script: make}\ntwo: {script: make}\n"
    )
    pipeline = project.pipeline()["id"]
    jobs = runner.take_all()
    jobs["one"].fail()
    jobs["two"].fail("job_canceled")
    project.root.post(f"projects/{project.id}/pipelines/{pipeline}/retry")
    for job in runner.take_all().values():
        job.succeed()
    assert project.pipeline()["status"] == "success"
