"""The table of roles: who may do what in a project. Pure, but for the import of models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import DEVELOPER, GUEST, MAINTAINER, REPORTER, ZIP, Coordinator, Project, User

pytestmark = on_both_databases

ROLES = (0, GUEST, REPORTER, DEVELOPER, MAINTAINER, 50)
# Ability -> who has it, in the order of ROLES, in a private project.
MATRIX = {
    "read_project": ".xxxxx",
    "read_members": ".xxxxx",
    "read_pipeline": ".xxxxx",
    "read_job_log": ".xxxxx",
    "read_artifacts": ".xxxxx",
    "read_code": "..xxxx",
    "read_environment": "..xxxx",
    "read_release": ".xxxxx",
    "push_code": "...xxx",
    "create_pipeline": "...xxx",
    "play_job": "...xxx",
    "keep_artifacts": "...xxx",
    "create_schedule": "...xxx",
    "create_deployment": "...xxx",
    "create_release": "...xxx",
    "set_commit_status": "...xxx",
    "erase_job": "....xx",
    "force_cancel": "....xx",
    "delete_artifacts": "....xx",
    "create_trigger": "....xx",
    "read_variables": "....xx",
    "manage_runners": "....xx",
    "manage_protection": "....xx",
    "manage_members": "....xx",
    "manage_access_tokens": "....xx",
    "admin_project": "....xx",
    "delete_pipeline": ".....x",
    "remove_project": ".....x",
}
OPEN_TO_ALL = {name for name, row in MATRIX.items() if row in (".xxxxx", "..xxxx")}
WITHOUT_PUBLIC_JOBS = {"read_pipeline", "read_job_log", "read_artifacts"}
ASK = """
import json, sys, tempfile
from pathlib import Path
from shipline.config import Config, DataFolder
from shipline.coordinator import setup
data = DataFolder(Path(sys.argv[1]))
data.coordinator.mkdir(parents=True, exist_ok=True)
setup.configure(data, Config(), None)
from shipline.coordinator.access import Ability, allowed
roles = (0, 10, 20, 30, 40, 50)
def row(ability, **facts):
    return "".join("x" if allowed(role, ability, **facts) else "." for role in roles)
print(json.dumps({
    "private": {a: row(a, is_open=False, public_jobs=True) for a in Ability},
    "closed": {a: row(a, is_open=False, public_jobs=False) for a in Ability},
    "open": {a: row(a, is_open=True, public_jobs=True) for a in Ability},
    "open, closed jobs": {a: row(a, is_open=True, public_jobs=False) for a in Ability},
}))
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Django wants to be set up once per process; the tests have none of it in theirs."""
    import json

    words = [sys.executable, "-c", ASK, str(tmp_path_factory.mktemp("data"))]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(told))


def test_each_role_may_what_gitlab_s_may(table: dict[str, dict[str, str]]) -> None:
    assert table["private"] == MATRIX


def test_everybody_reads_what_is_public(table: dict[str, dict[str, str]]) -> None:
    wanted = {name: "xxxxxx" if name in OPEN_TO_ALL else row for name, row in MATRIX.items()}
    assert table["open"] == wanted


def test_jobs_that_are_not_public_begin_at_reporter(table: dict[str, dict[str, str]]) -> None:
    wanted = {name: "..xxxx" if name in WITHOUT_PUBLIC_JOBS else row for name, row in MATRIX.items()}
    assert table["closed"] == wanted
    assert {table["open, closed jobs"][name] for name in WITHOUT_PUBLIC_JOBS} == {"..xxxx"}


def test_a_role_in_a_group_is_one_in_all_that_lies_in_it(coordinator: Coordinator) -> None:
    root, user = coordinator.root, coordinator.user()
    outer = root.post("groups", {"name": "Outer", "path": "outer"})
    inner = root.post("groups", {"name": "inner", "path": "inner", "parent_id": outer["id"]})
    made = root.post("projects", {"name": "deep", "namespace_id": inner["id"]})
    assert made["path_with_namespace"] == "outer/inner/deep"
    path = f"projects/{made['id']}"
    assert user.call("GET", path).status_code == 404
    root.post(f"groups/{outer['id']}/members", {"user_id": user.id, "access_level": REPORTER})
    assert user.get(path)["permissions"]["project_access"]["access_level"] == REPORTER
    assert user.call("GET", f"{path}/variables").status_code == 403
    # The highest of the roles counts.
    root.post(f"groups/{inner['id']}/members", {"user_id": user.id, "access_level": MAINTAINER})
    assert user.get(f"{path}/variables") == []
    root.post(f"{path}/members", {"user_id": user.id, "access_level": GUEST})
    assert user.get(f"{path}/variables") == []
    assert [(one["username"], one["access_level"]) for one in user.get(f"{path}/members/all")] == [
        ("root", 50),
        (user.name, MAINTAINER),
    ]
    # A group whose path only begins alike is another.
    other = root.post("projects", {"name": "app", "namespace_path": "outer/inner2"})
    root.call("DELETE", f"groups/{outer['id']}/members/{user.id}")
    assert user.call("GET", f"projects/{other['id']}").status_code == 404


def test_a_role_that_is_over_gives_nothing(project: Project) -> None:
    user = project.coordinator.user()
    body = {"user_id": user.id, "access_level": DEVELOPER, "expires_at": "2001-01-01"}
    project.root.post(f"projects/{project.id}/members", body)
    assert user.call("GET", f"projects/{project.id}").status_code == 404


def test_everybody_owns_what_lies_in_their_own_namespace(coordinator: Coordinator) -> None:
    user, other = coordinator.user(), coordinator.user()
    made = user.post("projects", {"name": "mine"})
    assert made["path_with_namespace"] == f"{user.name}/mine"
    assert made["namespace"]["kind"] == "user"
    assert made["permissions"]["project_access"]["access_level"] == 50
    assert other.call("GET", f"projects/{made['id']}").status_code == 404
    taken = {"name": "theirs", "namespace_path": user.name}
    assert other.call("POST", "projects", taken).status_code == 403
    assert [one["full_path"] for one in user.get("namespaces")] == [user.name]


def test_a_developer_of_a_group_makes_projects_in_it_and_a_reporter_does_not(
    coordinator: Coordinator,
) -> None:
    root = coordinator.root
    group = root.post("groups", {"name": "team", "path": "team"})
    answers = []
    for level in (REPORTER, DEVELOPER):
        user = coordinator.user()
        root.post(f"groups/{group['id']}/members", {"user_id": user.id, "access_level": level})
        body = {"name": f"app-of-{level}", "namespace_id": group["id"]}
        answers.append(user.call("POST", "projects", body).status_code)
    assert answers == [403, 201]


def test_a_group_is_not_there_for_who_is_no_member(coordinator: Coordinator) -> None:
    group = coordinator.root.post("groups", {"name": "secret", "path": "secret-group"})
    user = coordinator.user()
    for path in (f"groups/{group['id']}", "groups/secret-group", "namespaces/secret-group"):
        assert user.call("GET", path).status_code == 404
    assert group["id"] not in [one["id"] for one in user.get("groups?per_page=100")]
    nobody = User(coordinator, 0, "", "glpat-wrong")
    assert nobody.call("GET", f"groups/{group['id']}").status_code == 401


def test_a_project_that_is_deleted_is_gone_from_the_disk_too(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    project = coordinator.project()
    project.work_tree(tmp_path / "tree").ship("job: {script: echo}\n")
    job = project.runner().take()
    job.trace(b"hello")
    job.upload(ZIP)
    folder = coordinator.data.coordinator
    left = [
        folder / "repositories" / f"{project.id}.git",
        folder / "artifacts" / str(project.id),
        folder / "traces" / f"{job.id}.log",
    ]
    assert all(path.exists() for path in left)
    maintainer = project.add(MAINTAINER)
    assert maintainer.call("DELETE", f"projects/{project.id}").status_code == 403
    assert project.root.call("DELETE", f"projects/{project.id}").status_code == 202
    assert not any(path.exists() for path in left)
    assert project.root.call("GET", f"projects/{project.id}").status_code == 404
    assert job.update("success").status_code == 403
