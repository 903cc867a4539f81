"""Protected branches and tags: over git, over REST, and what may be run there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import DEVELOPER, MAINTAINER, Coordinator, Project, WorkTree

pytestmark = on_both_databases

CI = "job: {script: echo}\n"
MANUAL = "deploy: {script: echo, when: manual}\n"
PUSH_REFUSED = "You are not allowed to push code to protected branches on this project."


@pytest.fixture
def ordinary(coordinator: Coordinator) -> Project:
    """In a group that protects default branches as GitLab does when nobody says otherwise."""
    return coordinator.project(namespace_path="ordinary")


def protected(project: Project) -> dict[str, tuple[int, int, bool]]:
    return {
        one["name"]: (
            one["push_access_levels"][0]["access_level"],
            one["merge_access_levels"][0]["access_level"],
            one["allow_force_push"],
        )
        for one in project.root.get(f"projects/{project.id}/protected_branches")
    }


def test_the_first_push_protects_the_default_branch_before_its_first_pipeline(
    ordinary: Project, tmp_path: Path
) -> None:
    assert protected(ordinary) == {}
    ordinary.set_variable("SECRET", "x", protected=True)
    tree = ordinary.work_tree(tmp_path / "tree", ordinary.add(MAINTAINER))
    tree.ship(CI)
    assert protected(ordinary) == {"main": (40, 40, False)}
    assert ordinary.runner().take().variables["SECRET"] == "x"
    forced = tree.git("commit", "--quiet", "--amend", "--message", "Another")
    assert forced.returncode == 0
    assert "not allowed to force push" in tree.push("--force", "HEAD:refs/heads/main").said


def test_another_branch_than_the_default_one_is_not_protected_by_being_pushed(
    ordinary: Project, tmp_path: Path
) -> None:
    ordinary.work_tree(tmp_path / "tree", ordinary.add(DEVELOPER)).ship(CI, branch="topic")
    assert protected(ordinary) == {}


def test_a_developer_does_not_make_the_first_push_to_the_default_branch(
    ordinary: Project, tmp_path: Path
) -> None:
    tree = ordinary.work_tree(tmp_path / "tree", ordinary.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": CI})
    refused = tree.push()
    assert (refused.ok, PUSH_REFUSED in refused.said) == (False, True)


@pytest.mark.parametrize(
    ("number", "first", "levels", "second"),
    [
        (0, True, None, True),
        (1, True, (30, 30, False), True),
        (3, False, None, False),
        (4, True, (40, 40, False), False),
    ],
)
def test_a_group_says_how_default_branches_are_protected(
    coordinator: Coordinator, tmp_path: Path, number: int, first: bool, levels: object, second: bool
) -> None:
    path = f"protection-{number}"
    coordinator.root.post("groups", {"name": path, "path": path, "default_branch_protection": number})
    project = coordinator.project(namespace_path=path)
    tree = project.work_tree(tmp_path / "tree", project.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": CI})
    assert tree.push().ok is first
    assert protected(project).get("main") == levels
    tree.commit({"a.txt": "a"})
    assert tree.push().ok is second


@pytest.mark.parametrize(
    ("push_level", "developer", "maintainer", "root"),
    [(0, False, False, False), (30, True, True, True), (40, False, True, True), (60, False, False, True)],
)
def test_a_protected_branch_takes_pushes_from_its_level_on(
    project: Project, tmp_path: Path, push_level: int, developer: bool, maintainer: bool, root: bool
) -> None:
    body = {"name": "stable", "push_access_level": push_level}
    project.root.post(f"projects/{project.id}/protected_branches", body)
    users = (project.add(DEVELOPER), project.add(MAINTAINER), project.root)
    found = []
    for user in users:
        tree = project.work_tree(tmp_path / user.name, user)
        tree.git("fetch", "--quiet", "origin")
        tree.git("checkout", "--quiet", "-B", "stable", "origin/stable", check=False)
        tree.commit({f"{user.name}.txt": "x"})
        found.append(tree.push("HEAD:refs/heads/stable").ok)
    assert found == [developer, maintainer, root]


def test_force_pushes_are_for_branches_that_allow_them(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI, branch="wip")
    body = {"name": "wip", "allow_force_push": True}
    project.root.post(f"projects/{project.id}/protected_branches", body)
    work_tree.git("commit", "--quiet", "--amend", "--message", "Another")
    assert work_tree.push("--force", "HEAD:refs/heads/wip").ok
    path = f"projects/{project.id}/protected_branches/wip"
    changed = project.root.call("PATCH", path, {"allow_force_push": False})
    assert changed.json()["allow_force_push"] is False
    work_tree.git("commit", "--quiet", "--amend", "--message", "A third")
    assert not work_tree.push("--force", "HEAD:refs/heads/wip").ok


def test_of_several_rules_the_most_generous_counts(project: Project, tmp_path: Path) -> None:
    for name, level in (("release/*", 0), ("release/1*", DEVELOPER)):
        body = {"name": name, "push_access_level": level}
        project.root.post(f"projects/{project.id}/protected_branches", body)
    tree = project.work_tree(tmp_path / "tree", project.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": CI})
    assert tree.push("HEAD:refs/heads/release/1.0").ok
    assert not tree.push("HEAD:refs/heads/release/2.0").ok


def test_a_protected_branch_is_deleted_over_rest_by_maintainers_alone(
    project: Project, work_tree: WorkTree
) -> None:
    work_tree.ship(CI)
    work_tree.ship(CI, branch="stable/1")
    project.protect("stable/1")
    path = f"projects/{project.id}/repository/branches/stable%2F1"
    assert project.add(DEVELOPER).call("DELETE", path).status_code == 403
    assert project.add(MAINTAINER).call("DELETE", path).status_code == 204
    assert project.root.call("DELETE", path).status_code == 404
    main = f"projects/{project.id}/repository/branches/main"
    assert project.root.call("DELETE", main).status_code == 400


def test_protected_tags_are_created_by_their_level_and_never_moved(project: Project, tmp_path: Path) -> None:
    project.root.post(f"projects/{project.id}/protected_tags", {"name": "v*"})
    project.set_variable("SECRET", "x", protected=True)
    developer = project.work_tree(tmp_path / "developer", project.add(DEVELOPER))
    sha = developer.ship(CI, branch="topic").sha
    refused = developer.push("HEAD:refs/tags/v1")
    assert (refused.ok, "not allowed to create this tag as it is protected" in refused.said) == (False, True)
    assert developer.push("HEAD:refs/tags/nightly").ok
    maintainer = project.work_tree(tmp_path / "maintainer", project.add(MAINTAINER))
    maintainer.git("fetch", "--quiet", "origin", "topic")
    maintainer.git("checkout", "--quiet", sha)
    assert maintainer.push("HEAD:refs/tags/v1").ok
    jobs = {job.payload["git_info"]["ref"]: job for job in (project.runner().take() for _ in range(3))}
    assert {ref: "SECRET" in job.variables for ref, job in jobs.items()} == {
        "topic": False,
        "nightly": False,
        "v1": True,
    }
    maintainer.commit({"a.txt": "a"})
    moved = maintainer.push("--force", "HEAD:refs/tags/v1")
    assert (moved.ok, "Protected tags cannot be updated." in moved.said) == (False, True)
    deleted = maintainer.push("--delete", "v1")
    assert (deleted.ok, "only delete protected tags using the web interface" in deleted.said) == (False, True)
    path = f"projects/{project.id}/repository/tags"
    assert developer.user.call("DELETE", f"{path}/v1").status_code == 403
    assert developer.user.call("POST", path, {"tag_name": "v2", "ref": "topic"}).status_code == 400
    assert maintainer.user.call("DELETE", f"{path}/v1").status_code == 204


@pytest.mark.parametrize(
    ("push_level", "merge_level", "allowed"), [(40, 40, False), (40, 30, True), (30, 40, True), (0, 0, False)]
)
def test_a_job_on_a_protected_branch_is_played_by_who_may_push_or_merge_there(
    project: Project, work_tree: WorkTree, push_level: int, merge_level: int, allowed: bool
) -> None:
    work_tree.ship(MANUAL)
    body = {"name": "main", "push_access_level": push_level, "merge_access_level": merge_level}
    project.root.post(f"projects/{project.id}/protected_branches", body)
    job, pipeline = project.jobs()["deploy"]["id"], project.pipeline()["id"]
    developer = project.add(DEVELOPER)
    calls = [f"jobs/{job}/play", f"pipelines/{pipeline}/cancel", f"pipelines/{pipeline}/retry"]
    found = [developer.call("POST", f"projects/{project.id}/{path}").status_code for path in calls]
    assert found == ([200, 200, 201] if allowed else [403, 403, 403])
    started = developer.call("POST", f"projects/{project.id}/pipeline", {"ref": "main"})
    assert started.status_code == (201 if allowed else 400)


def test_single_users_cannot_be_named_and_the_answer_says_so(project: Project) -> None:
    body = {"name": "main", "allowed_to_push": [{"user_id": 1}]}
    answer = project.root.call("POST", f"projects/{project.id}/protected_branches", body)
    assert (answer.status_code, "give an access_level" in answer.text) == (400, True)
