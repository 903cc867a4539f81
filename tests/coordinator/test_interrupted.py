"""What a crash, or an hour without a coordinator, must not take away: pipelines of pushes, and of schedules."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from pathlib import Path

from tests.coordinator.server import Coordinator, Project, WorkTree, until

CI = "job: {script: make}\n"


def database(coordinator: Coordinator) -> sqlite3.Connection:
    return sqlite3.connect(coordinator.data.coordinator / "db.sqlite3")


def pending(coordinator: Coordinator) -> int:
    with database(coordinator) as connection:
        return int(connection.execute("SELECT count(*) FROM coordinator_pendingpush").fetchone()[0])


def left_for(coordinator: Coordinator, sha: str) -> int:
    """Updates of refs to this commit whose pipelines are still to be made."""
    with database(coordinator) as connection:
        rows = connection.execute("SELECT updates FROM coordinator_pendingpush").fetchall()
    return sum(update[1] == sha for (updates,) in rows for update in json.loads(updates))


def interrupt(project: Project, tree: WorkTree, *, moved: bool) -> str:
    """A push of which the first hook was heard and the second was not, as a kill between the two leaves it."""
    coordinator = project.coordinator
    old = tree.git("rev-parse", "HEAD").stdout.strip()
    new = tree.commit({"more.txt": "more"})
    repository = coordinator.data.coordinator / "repositories" / f"{project.id}.git"
    # The objects arrive before the hooks run.
    assert tree.push("-o", "ci.skip", "HEAD:refs/heads/objects").ok
    coordinator.end(signal.SIGKILL)
    with database(coordinator) as connection:
        connection.execute(
            "INSERT INTO coordinator_pendingpush (project_id, user_id, token_hash, updates, options, created_at) "
            "VALUES (?, 1, 'of another life', ?, '[\"ci.variable=A=1\"]', CURRENT_TIMESTAMP)",
            [project.id, json.dumps([[old, new, "refs/heads/main"]])],
        )
    if moved:
        words = ["git", "--git-dir", str(repository), "update-ref", "refs/heads/main", new, old]
        subprocess.run(words, check=True)
    coordinator.start()
    return new


def test_a_push_whose_ref_has_moved_gets_its_pipeline_at_the_next_start(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "work-tree")
    tree.ship(CI)
    new = interrupt(project, tree, moved=True)
    until(lambda: project.pipeline()["sha"] == new, "the pipeline is made")
    until(lambda: pending(own_coordinator) == 0, "the push is done")
    assert len(project.pipelines()) == 2
    number = project.pipeline()["id"]
    assert project.root.get(f"projects/{project.id}/pipelines/{number}/variables")[0]["key"] == "A"


def test_a_push_whose_ref_has_not_moved_gets_none_until_it_does(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "work-tree")
    tree.ship(CI)
    interrupt(project, tree, moved=False)
    # Whatever is due has been looked at once when a schedule that is due has run.
    assert pending(own_coordinator) == 1
    assert len(project.pipelines()) == 1


def test_a_push_that_is_made_again_after_a_kill_gets_one_pipeline(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "work-tree")
    tree.ship(CI)
    new = interrupt(project, tree, moved=False)
    assert tree.push().ok
    # What is left of the first push is looked at when a coordinator starts.
    own_coordinator.end()
    own_coordinator.start()
    until(lambda: left_for(own_coordinator, new) == 0, "nothing is left to do for the commit")
    assert [one["sha"] for one in project.pipelines()].count(new) == 1


def test_a_push_that_was_heard_to_its_end_leaves_nothing_behind(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "work-tree")
    tree.ship(CI)
    tree.ship("workflow: {rules: [{if: $NEVER}]}\n" + CI)
    assert pending(own_coordinator) == 0
    assert len(project.pipelines()) == 1


def test_what_goes_with_a_deleted_branch_goes_though_the_second_hook_was_never_heard(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "work-tree")
    sha = tree.ship("deploy: {script: make, environment: review}\n", branch="topic").sha
    project.runner().take().succeed()
    repository = own_coordinator.data.coordinator / "repositories" / f"{project.id}.git"
    own_coordinator.end(signal.SIGKILL)
    with database(own_coordinator) as connection:
        connection.execute(
            "INSERT INTO coordinator_pendingpush (project_id, user_id, token_hash, updates, options, created_at) "
            "VALUES (?, 1, 'of another life', ?, '[]', CURRENT_TIMESTAMP)",
            [project.id, json.dumps([[sha, "0" * 40, "refs/heads/topic"]])],
        )
    words = ["git", "--git-dir", str(repository), "update-ref", "-d", "refs/heads/topic", sha]
    subprocess.run(words, check=True)
    own_coordinator.start()
    path = f"projects/{project.id}/environments"
    until(lambda: project.root.get(path)[0]["state"] == "stopped", "what was deployed from it is stopped")
    until(lambda: pending(own_coordinator) == 0, "the push is done")


def test_times_that_a_schedule_has_missed_are_made_up_for_once(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    project.work_tree(tmp_path / "work-tree").ship(CI)
    body = {"ref": "main", "description": "Hourly", "cron": "0 0 1 1 *"}
    schedule = project.root.post(f"projects/{project.id}/pipeline_schedules", body)
    own_coordinator.end()
    with database(own_coordinator) as connection:
        connection.execute("UPDATE coordinator_pipelineschedule SET next_run_at = '2020-01-01 00:00:00'")
    own_coordinator.start()
    until(lambda: project.pipeline()["source"] == "schedule", "the schedule runs")
    found = project.root.get(f"projects/{project.id}/pipeline_schedules/{schedule['id']}")
    assert found["next_run_at"][:19] == schedule["next_run_at"][:19]
    assert found["last_pipeline"]["id"] == project.pipeline()["id"]
    assert len(project.pipelines()) == 2


def test_a_schedule_that_cannot_run_says_why_and_goes_on_to_its_next_time(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "work-tree")
    tree.ship(CI, branch="topic")
    body = {"ref": "topic", "description": "Hourly", "cron": "0 0 1 1 *"}
    schedule = project.root.post(f"projects/{project.id}/pipeline_schedules", body)
    assert tree.push("--delete", "topic").ok
    own_coordinator.end()
    with database(own_coordinator) as connection:
        connection.execute("UPDATE coordinator_pipelineschedule SET next_run_at = '2020-01-01 00:00:00'")
    own_coordinator.start()
    path = f"projects/{project.id}/pipeline_schedules/{schedule['id']}"
    until(lambda: project.root.get(path)["last_problem"], "it says why")
    found = project.root.get(path)
    assert found["last_problem"] == "Reference not found: there is neither a branch nor a tag topic"
    assert found["next_run_at"][:19] == schedule["next_run_at"][:19]
