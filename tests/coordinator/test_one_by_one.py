"""What is done at intervals goes on for all others when it fails for one, and says for which."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.coordinator.server import Coordinator, Project, until

from shipline.config import DataFolder

DEPLOY = "{key}: {{script: make, resource_group: {key}}}\n"
JOB = "job: {script: make}\n"
DUE = "UPDATE coordinator_pipelineschedule SET next_run_at = '2020-01-01 00:00:00'"


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Coordinator]:
    """A coordinator whose log will have tracebacks: rows are made unreadable, as another release could."""
    coordinator = Coordinator(DataFolder(tmp_path / "data"))
    try:
        coordinator.start()
        coordinator.prepare()
        yield coordinator
    finally:
        coordinator.end()


def change(coordinator: Coordinator, *statements: str) -> None:
    """While it is down."""
    coordinator.end(9)
    path = coordinator.data.coordinator / "db.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)
    coordinator.start()


def holders_gone(project: Project, tmp_path: Path) -> None:
    """Two pipelines, each with two resource groups; those of the first hold both, and nobody hands over."""
    tree = project.work_tree(tmp_path / "tree")
    for _ in range(2):
        tree.ship(DEPLOY.format(key="one") + DEPLOY.format(key="two"))
    assert project.statuses() == dict.fromkeys(("one", "two"), "waiting_for_resource")


def test_a_resource_group_that_cannot_be_read_holds_up_no_other(broken: Coordinator, tmp_path: Path) -> None:
    project = broken.project(auto_cancel_pending_pipelines="disabled")
    holders_gone(project, tmp_path)
    change(
        broken,
        "UPDATE coordinator_resourcegroup SET holder_id = NULL",
        "UPDATE coordinator_resourcegroup SET process_mode = 'of another release' WHERE key = 'one'",
    )
    until(lambda: project.statuses()["two"] == "pending", "the other group is handed over")
    assert project.statuses()["one"] == "waiting_for_resource"
    assert "resource groups: 1 failed" in broken.log


def test_a_schedule_that_cannot_be_run_holds_up_no_other_and_goes_on_to_its_next_time(
    broken: Coordinator, tmp_path: Path
) -> None:
    project = broken.project()
    project.work_tree(tmp_path / "tree").ship(JOB)
    path = f"projects/{project.id}/pipeline_schedules"
    made = [
        project.root.post(path, {"ref": "main", "description": name, "cron": "0 0 1 1 *"})
        for name in ("broken", "good")
    ]
    change(
        broken,
        DUE,
        f"UPDATE coordinator_pipelineschedule SET variables = '[{{}}]' WHERE id = {made[0]['id']}",
    )
    until(lambda: project.pipeline()["source"] == "schedule", "the other schedule runs")
    found = project.root.get(f"{path}/{made[0]['id']}")
    assert found["last_problem"] == "The coordinator's log says what went wrong."
    assert found["next_run_at"][:19] == made[0]["next_run_at"][:19]


def test_a_schedule_whose_time_zone_is_gone_says_so_and_stands_still(
    broken: Coordinator, tmp_path: Path
) -> None:
    project = broken.project()
    project.work_tree(tmp_path / "tree").ship(JOB)
    body = {"ref": "main", "description": "gone", "cron": "0 0 1 1 *"}
    made = project.root.post(f"projects/{project.id}/pipeline_schedules", body)
    change(broken, DUE, "UPDATE coordinator_pipelineschedule SET cron_timezone = 'Mars/Olympus'")
    path = f"projects/{project.id}/pipeline_schedules/{made['id']}"
    until(lambda: "Mars/Olympus is no time zone" in project.root.get(path)["last_problem"], "it says so")
    assert project.root.get(path)["next_run_at"] is None
    assert len(project.pipelines()) == 1


def test_a_push_that_cannot_be_made_up_for_holds_up_no_other(broken: Coordinator, tmp_path: Path) -> None:
    project = broken.project()
    sha = project.work_tree(tmp_path / "tree").ship(JOB).sha
    columns = "(project_id, user_id, token_hash, updates, options, created_at)"
    rows = (
        f"({project.id}, 1, 'broken', '[[1]]', '[]', '2020-01-01 00:00:00')",
        f"""({project.id}, 1, 'good', '[["{"0" * 40}", "{sha}", "refs/heads/main"]]', '[]', CURRENT_TIMESTAMP)""",
    )
    change(broken, *(f"INSERT INTO coordinator_pendingpush {columns} VALUES {row}" for row in rows))
    until(lambda: len(project.pipelines()) == 2, "the other push is made up for")

    def left() -> int:
        with closing(sqlite3.connect(broken.data.coordinator / "db.sqlite3", timeout=30)) as database:
            return int(database.execute("SELECT count(*) FROM coordinator_pendingpush").fetchone()[0])

    until(lambda: left() == 0, "nothing is left of either")
