"""Jobs of one resource group, in however many pipelines: one at a time, in the order of the process mode."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    ANSWER_SECONDS,
    DEVELOPER,
    REPORTER,
    Coordinator,
    Job,
    Project,
    Runner,
    WorkTree,
    until,
)

from shipline.config import DataFolder

pytestmark = on_both_databases

DEPLOY = "deploy:\n  script: make deploy\n  resource_group: production\n"
STAGES = """\
stages: [test, deploy]
test: {stage: test, script: make test}
deploy: {stage: deploy, script: make deploy, resource_group: production}
"""


@dataclass(frozen=True)
class Group:
    project: Project
    key: str = "production"

    def get(self, rest: str = "") -> Any:
        return self.project.root.get(f"projects/{self.project.id}/resource_groups/{self.key}{rest}")

    def set_mode(self, mode: str) -> None:
        path = f"projects/{self.project.id}/resource_groups/{self.key}"
        assert self.project.root.put(path, {"process_mode": mode})["process_mode"] == mode


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    """Here pipelines for one branch go on side by side: a newer one cancels no older one."""
    return coordinator.project(auto_cancel_pending_pipelines="disabled")


@pytest.fixture
def group(project: Project) -> Group:
    return Group(project)


def ship(project: Project, work_tree: WorkTree, ci: str = DEPLOY, count: int = 1) -> list[int]:
    """Numbers of the pipelines, the oldest first."""
    found = []
    for _ in range(count):
        work_tree.ship(ci)
        found.append(project.pipeline()["id"])
    return found


def status(project: Project, pipeline: int, job: str = "deploy") -> str:
    return str(project.jobs(pipeline)[job]["status"])


def test_a_second_pipeline_waits_until_the_first_has_deployed_and_says_for_whom(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    first, second = ship(project, work_tree, count=2)
    assert status(project, first) == "pending"
    waiting, holder = project.jobs(second)["deploy"], project.jobs(first)["deploy"]
    assert waiting["status"] == "waiting_for_resource"
    reason = f"resource group production is held by #{holder['id']} (pipeline #{first})"
    assert waiting["status_reason"] == reason
    assert project.pipeline()["status"] == "waiting_for_resource"
    (taken,) = runner.take_all().values()
    assert taken.id == holder["id"]
    taken.succeed()
    assert project.jobs(second)["deploy"]["status_reason"] == "it has resource group production"
    assert project.pipeline()["status"] == "pending"
    runner.take().succeed()
    assert project.pipeline()["status"] == "success"


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_the_resource_is_free_however_its_job_ends(
    project: Project, work_tree: WorkTree, runner: Runner, end: str
) -> None:
    first, second = ship(project, work_tree, count=2)
    taken = runner.take()
    if end == "fail":
        taken.fail()
    else:
        project.act("cancel", taken.id)
        # Its after_script still runs there: only the runner's word is the end.
        assert (status(project, first), status(project, second)) == ("canceling", "waiting_for_resource")
        taken.update("failed", failure_reason="job_canceled")
    assert runner.take().id == project.jobs(second)["deploy"]["id"]


def test_a_job_that_is_cancelled_while_it_waits_lets_the_next_one_by(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    _, second, third = ship(project, work_tree, count=3)
    project.act("cancel", project.jobs(second)["deploy"]["id"])
    runner.take().succeed()
    assert status(project, second) == "canceled"
    assert runner.take().id == project.jobs(third)["deploy"]["id"]


def test_a_failed_job_that_is_tried_again_queues_again(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    first, second = ship(project, work_tree, f"{DEPLOY}  retry: 1\n", count=2)
    runner.take().fail()
    # The other one waits longer than the new attempt.
    assert (status(project, first), status(project, second)) == ("waiting_for_resource", "pending")
    runner.take().succeed()
    again = runner.take()
    assert again.id == project.jobs(first)["deploy"]["id"]
    again.succeed()
    assert project.act("retry", again.id).json()["status"] == "pending"


def test_groups_with_other_keys_and_of_other_projects_do_not_meet(
    coordinator: Coordinator, work_tree: WorkTree, runner: Runner, tmp_path: Path
) -> None:
    ci = "a: {script: a, resource_group: one}\nb: {script: b, resource_group: two}\nc: {script: c}\n"
    work_tree.ship(ci)
    assert set(runner.take_all()) == {"a", "b", "c"}
    other = coordinator.project(auto_cancel_pending_pipelines="disabled")
    other.work_tree(tmp_path / "other").ship(ci)
    assert set(other.runner().take_all()) == {"a", "b", "c"}


def test_the_key_is_made_of_variables(project: Project, work_tree: WorkTree) -> None:
    project.set_variable("REGION", "eu")
    work_tree.ship(
        "deploy:\n  script: make\n  environment: review/$CI_COMMIT_REF_NAME\n  variables: {WHERE: in-$REGION}\n"
        "  resource_group: $CI_ENVIRONMENT_SLUG/$WHERE\n"
    )
    (found,) = project.root.get(f"projects/{project.id}/resource_groups")
    assert found["key"].startswith("review-main-")
    assert found["key"].endswith("/in-eu")
    assert Group(project, found["key"].replace("/", "%2F")).get()["id"] == found["id"]
    assert Group(project, found["key"].replace("/", "%2F")).get("/current_job")["name"] == "deploy"


def test_a_key_that_comes_out_as_nothing_holds_nobody_up_and_the_log_says_so(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ship(project, work_tree, DEPLOY.replace("production", "$NOBODY_SET_THIS"), count=2)
    taken = runner.take()
    assert runner.take().name == "deploy"
    assert "resource_group $NOBODY_SET_THIS names no resource group" in project.trace(taken.id)


def test_oldest_first_waits_for_the_older_pipeline_even_when_that_is_not_ready(
    project: Project, work_tree: WorkTree, runner: Runner, group: Group
) -> None:
    first, second = ship(project, work_tree, STAGES, count=2)
    group.set_mode("oldest_first")
    tests = [runner.take(), runner.take()]
    tests[1].succeed()
    upcoming = project.jobs(first)["deploy"]["id"]
    assert status(project, second) == "waiting_for_resource"
    assert project.jobs(second)["deploy"]["status_reason"] == (
        f"resource group production is oldest_first: #{upcoming} (pipeline #{first}) comes first and is created"
    )
    assert [job["pipeline"]["id"] for job in group.get("/upcoming_jobs")] == [first, second]
    # What will never come holds nobody up.
    tests[0].fail()
    assert (status(project, first), status(project, second)) == ("skipped", "pending")


def test_newest_ready_first_lets_the_newest_by(
    project: Project, work_tree: WorkTree, runner: Runner, group: Group
) -> None:
    _, second, third = ship(project, work_tree, count=3)
    group.set_mode("newest_ready_first")
    runner.take().succeed()
    assert (status(project, second), status(project, third)) == ("waiting_for_resource", "pending")


def test_another_process_mode_may_free_who_waits(
    project: Project, work_tree: WorkTree, runner: Runner, group: Group
) -> None:
    _, second = ship(project, work_tree, STAGES, count=2)
    group.set_mode("oldest_first")
    _, test = runner.take(), runner.take()
    test.succeed()
    assert status(project, second) == "waiting_for_resource"
    group.set_mode("unordered")
    assert status(project, second) == "pending"


def test_a_manual_job_takes_the_resource_when_it_is_played(
    project: Project, work_tree: WorkTree, group: Group
) -> None:
    first, second = ship(project, work_tree, f"{DEPLOY}  when: manual\n", count=2)
    assert group.get("/current_job") is None
    assert group.get("/upcoming_jobs") == []
    jobs = [project.jobs(pipeline)["deploy"]["id"] for pipeline in (first, second)]
    assert project.act("play", jobs[1]).json()["status"] == "pending"
    assert project.act("play", jobs[0]).json()["status"] == "waiting_for_resource"
    assert group.get("/current_job")["id"] == jobs[1]
    assert [job["id"] for job in group.get("/upcoming_jobs")] == [jobs[0]]


def test_pipelines_that_deploy_at_once_never_run_together(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    count, runners = 6, [runner, *(project.runner() for _ in range(3))]
    deploying = Lock()
    done: list[int] = []

    def work(one: Runner) -> None:
        deadline = monotonic() + ANSWER_SECONDS
        while len(done) < count and monotonic() < deadline:
            answer = one.request()
            if answer.status_code == 201:
                assert deploying.acquire(blocking=False), "somebody else deploys already"
                job = Job(project.coordinator, answer.json())
                job.trace(b"deploying\n")
                done.append(job.id)
                deploying.release()
                job.succeed()

    with ThreadPoolExecutor(len(runners)) as pool:
        working = [pool.submit(work, one) for one in runners]
        pipelines = ship(project, work_tree, count=count)
        for ended in working:
            ended.result()
    assert done == [project.jobs(pipeline)["deploy"]["id"] for pipeline in pipelines]


def test_who_waits_gets_the_resource_though_the_coordinator_was_killed(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project(auto_cancel_pending_pipelines="disabled")
    work_tree, runner = project.work_tree(tmp_path / "work-tree"), project.runner()
    first, second = ship(project, work_tree, count=2)
    taken = runner.take()
    own_coordinator.end(9)
    own_coordinator.start()
    assert (status(project, first), status(project, second)) == ("running", "waiting_for_resource")
    taken.succeed()
    until(lambda: status(project, second) == "pending", "the second one has the resource")


def test_a_resource_that_nobody_handed_over_is_found_by_the_sweep(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    """As after a crash between the end of a job and the hand-over, and when the holder's pipeline is deleted."""
    project = own_coordinator.project(auto_cancel_pending_pipelines="disabled")
    first, second = ship(project, project.work_tree(tmp_path / "work-tree"), count=2)
    own_coordinator.end(9)
    with closing(sqlite3.connect(own_coordinator.data.coordinator / "db.sqlite3")) as database, database:
        database.execute("UPDATE coordinator_resourcegroup SET holder_id = NULL")
        database.execute("DELETE FROM coordinator_job WHERE pipeline_id = ?", (first,))
        database.execute("DELETE FROM coordinator_pipeline WHERE id = ?", (first,))
    own_coordinator.start()
    until(lambda: status(project, second) == "pending", "the second one has the resource")


def test_a_hand_over_that_fails_is_logged_and_does_not_fail_the_push_that_led_to_it(tmp_path: Path) -> None:
    coordinator = Coordinator(DataFolder(tmp_path / "data"))
    try:
        coordinator.start()
        coordinator.prepare()
        project = coordinator.project(auto_cancel_pending_pipelines="disabled")
        work_tree = project.work_tree(tmp_path / "work-tree")
        ship(project, work_tree)
        coordinator.end(9)
        with closing(sqlite3.connect(coordinator.data.coordinator / "db.sqlite3")) as database, database:
            database.execute("UPDATE coordinator_resourcegroup SET process_mode = 'of another release'")
        coordinator.start()
        (second,) = ship(project, work_tree)
        assert status(project, second) == "waiting_for_resource"
    finally:
        coordinator.end()
    assert "Error calling _hand_over_resources" in coordinator.log
    assert "Internal Server Error" not in coordinator.log


def test_developers_change_the_mode_and_reporters_look(
    project: Project, work_tree: WorkTree, group: Group
) -> None:
    ship(project, work_tree)
    path = f"projects/{project.id}/resource_groups/production"
    reporter, developer = project.add(REPORTER), project.add(DEVELOPER)
    assert reporter.get(path)["process_mode"] == "unordered"
    assert reporter.call("PUT", path, {"process_mode": "newest_first"}).status_code == 403
    assert developer.put(path, {"process_mode": "newest_first"})["process_mode"] == "newest_first"
    assert developer.call("PUT", path, {"process_mode": "random"}).status_code == 400
    assert developer.call("GET", f"{path}2").json() == {"message": "404 Resource group Not Found"}
