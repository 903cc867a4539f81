"""What is compiled but cannot be carried out yet is told, never passed over."""

from __future__ import annotations

from tests.coordinator.server import Project, Runner, WorkTree

DOWNSTREAM = """\
stages: [test, deploy]
test: {stage: test, script: make test}
downstream: {stage: test, trigger: {include: child.yml}}
deploy: {stage: deploy, script: make deploy}
"""


def test_a_job_that_cannot_mean_what_was_written_fails_before_it_starts_and_says_why(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(DOWNSTREAM)
    downstream = project.jobs()["downstream"]
    assert (downstream["status"], downstream["failure_reason"]) == ("failed", "runner_unsupported")
    assert "shipline cannot carry out trigger yet" in project.trace(downstream["id"])
    runner.take().succeed()
    assert project.statuses() == {"test": "success", "downstream": "failed", "deploy": "skipped"}
    assert project.pipeline()["status"] == "failed"


def test_a_manual_job_of_that_kind_fails_when_it_is_played(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship("deploy: {script: make, when: manual, dast_configuration: {site_profile: shop}}\n")
    answer = project.act("play", project.jobs()["deploy"]["id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")


def test_a_job_that_only_does_without_something_runs_and_its_log_says_so(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "build:\n  script: make\n"
        "  environment: {name: production, kubernetes: {namespace: shop, agent: here}}\n"
    )
    job = runner.take()
    job.succeed()
    assert "Without effect here yet: environment:kubernetes" in project.trace(job.id)


def test_instances_of_a_parallel_job_know_which_they_are(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("test: {script: make, parallel: 2}\n")
    for number in ("1", "2"):
        values = {one["key"]: one["value"] for one in runner.take().payload["variables"]}
        assert values["CI_JOB_NAME"] == f"test {number}/2"
        assert (values["CI_NODE_INDEX"], values["CI_NODE_TOTAL"]) == (number, "2")
        assert values["CI_JOB_GROUP_NAME"] == "test"
