"""Schedules whose time has come, and whose owner may not run pipelines any more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.coordinator.server import DEVELOPER, Coordinator, until

CI = "job: {script: make}\n"


@pytest.mark.parametrize("owner", ["left the project", "is blocked", "is gone"])
def test_a_schedule_whose_owner_may_not_run_pipelines_any_more_runs_none_and_says_so(
    own_coordinator: Coordinator, tmp_path: Path, owner: str
) -> None:
    project = own_coordinator.project()
    project.work_tree(tmp_path / "tree").ship(CI)
    user = project.add(DEVELOPER)
    body = {"ref": "main", "description": "Nightly", "cron": "0 0 1 1 *"}
    path = f"projects/{project.id}/pipeline_schedules"
    made = user.post(path, body)
    if owner == "left the project":
        assert project.root.call("DELETE", f"projects/{project.id}/members/{user.id}").status_code == 204
    elif owner == "is blocked":
        project.root.post(f"users/{user.id}/block")
    own_coordinator.end()
    with closing(sqlite3.connect(own_coordinator.data.coordinator / "db.sqlite3")) as database, database:
        database.execute("UPDATE coordinator_pipelineschedule SET next_run_at = '2020-01-01 00:00:00'")
        if owner == "is gone":
            database.execute("UPDATE coordinator_pipelineschedule SET owner_id = NULL")
    own_coordinator.start()
    found = until(
        lambda: (one := project.root.get(f"{path}/{made['id']}"))["last_problem"] and one, "it says why"
    )
    assert "may not" in found["last_problem"]
    assert found["next_run_at"][:19] == made["next_run_at"][:19]
    assert len(project.pipelines()) == 1
