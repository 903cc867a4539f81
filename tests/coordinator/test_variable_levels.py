"""CI/CD variables of project, groups and instance: what one may be, who reads it, which of them a job gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import DEVELOPER, MAINTAINER, Coordinator, Project, Runner, WorkTree

pytestmark = on_both_databases

CI = "job: {script: echo}\n"


@pytest.fixture
def instance_variables(coordinator: Coordinator) -> Iterator[str]:
    """The path of those that every project's jobs get; none is left behind."""
    yield "admin/ci/variables"
    for one in coordinator.root.get("admin/ci/variables?per_page=100"):
        coordinator.root.call("DELETE", f"admin/ci/variables/{one['key']}")


def test_the_nearest_level_wins(coordinator: Coordinator, instance_variables: str, tmp_path: Path) -> None:
    root = coordinator.root
    outer = root.post("groups", {"name": "levels", "path": "levels"})
    inner = root.post("groups", {"name": "inner", "path": "inner", "parent_id": outer["id"]})
    project = coordinator.project(namespace_path="levels/inner")
    places = (
        instance_variables,
        f"groups/{outer['id']}/variables",
        f"groups/{inner['id']}/variables",
        f"projects/{project.id}/variables",
    )
    for count, name in enumerate(("INSTANCE", "OUTER", "INNER", "PROJECT"), 1):
        for place in places[:count]:
            root.post(place, {"key": name, "value": place})
    work_tree = project.work_tree(tmp_path / "tree")
    work_tree.ship(CI)
    found = project.runner().take().variables
    named = zip(("INSTANCE", "OUTER", "INNER", "PROJECT"), places, strict=True)
    assert {name: found[name] for name, _ in named} == dict(
        zip(("INSTANCE", "OUTER", "INNER", "PROJECT"), places, strict=True)
    )


def test_a_project_s_variable_for_all_environments_wins_over_a_group_s_for_this_one(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    root = coordinator.root
    group = root.post("groups", {"name": "s", "path": "scoped-group"})
    project = coordinator.project(namespace_path="scoped-group")
    exactly = {"environment_scope": "production"}
    root.post(f"groups/{group['id']}/variables", {"key": "BOTH", "value": "of the group"} | exactly)
    root.post(f"groups/{group['id']}/variables", {"key": "GROUP", "value": "for all"})
    root.post(f"groups/{group['id']}/variables", {"key": "GROUP", "value": "for production"} | exactly)
    project.set_variable("BOTH", "of the project")
    project.work_tree(tmp_path / "tree").ship("job: {script: echo, environment: production}\n")
    found = project.runner().take().variables
    assert (found["BOTH"], found["GROUP"]) == ("of the project", "for production")


def test_variables_of_another_group_are_not_there(coordinator: Coordinator, tmp_path: Path) -> None:
    root = coordinator.root
    other = root.post("groups", {"name": "level", "path": "other-level"})
    root.post(f"groups/{other['id']}/variables", {"key": "THEIRS", "value": "x"})
    project = coordinator.project(namespace_path="other-level2")
    project.work_tree(tmp_path / "tree").ship(CI)
    assert "THEIRS" not in project.runner().take().variables


def test_protected_variables_that_a_job_did_not_get_are_named_before_its_log(
    coordinator: Coordinator, instance_variables: str, project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    coordinator.root.post(instance_variables, {"key": "ROOT_KEY", "value": "secret-1", "protected": True})
    project.set_variable("OWN_KEY", "secret-2", protected=True)
    work_tree.ship(CI, branch="topic")
    job = runner.take()
    assert {"ROOT_KEY", "OWN_KEY"}.isdisjoint(job.variables)
    told = project.trace(job.id)
    assert "branch topic is not protected: ROOT_KEY, OWN_KEY" in told
    assert "secret-" not in told


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"key": "A B", "value": "x"}, "key", "can contain only letters, digits and '_'."),
        ({"key": "A", "value": "short", "masked": True}, "value", "at least 8 characters"),
        ({"key": "A", "value": "two\nlines-of-it", "masked": True}, "value", "single line"),
        ({"key": "A", "value": "has a blank in it", "masked": True}, "value", "must not contain spaces"),
        ({"key": "A", "value": "dollar$dollar", "masked": True}, "value", "make it raw"),
        ({"key": "A", "value": "short", "masked_and_hidden": True}, "value", "at least 8 characters"),
        ({"key": "A", "value": "x", "environment_scope": "a;b"}, "environment_scope", "can contain only"),
    ],
)
def test_a_variable_that_cannot_be_is_refused_with_what_is_wrong(
    project: Project, body: dict[str, object], field: str, words: str
) -> None:
    answer = project.root.call("POST", f"projects/{project.id}/variables", body)
    assert answer.status_code == 400
    assert words in answer.json()["message"][field][0]
    assert str(body["value"]) not in answer.text or body["value"] == "x"


def test_a_raw_value_is_masked_whatever_its_characters(project: Project) -> None:
    project.set_variable("A", "dollar$(dollar)", masked=True, raw=True)


def test_a_hidden_variable_is_never_shown_again_but_given_to_jobs(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    path = f"projects/{project.id}/variables"
    made = project.root.post(path, {"key": "HIDDEN", "value": "a-hidden-value", "masked_and_hidden": True})
    assert (made["value"], made["hidden"], made["masked"]) == (None, True, True)
    assert project.root.get(f"{path}/HIDDEN")["value"] is None
    assert project.root.get(path)[0]["value"] is None
    refused = project.root.call("PUT", f"{path}/HIDDEN", {"masked": False})
    assert (refused.status_code, "visibility setting cannot be changed" in refused.text) == (400, True)
    assert project.root.put(f"{path}/HIDDEN", {"value": "another-hidden"})["value"] is None
    work_tree.ship(CI)
    job = runner.take()
    given = {one["key"]: one for one in job.payload["variables"]}["HIDDEN"]
    assert (given["value"], given["masked"]) == ("another-hidden", True)


def test_of_several_variables_with_one_key_the_scope_says_which(project: Project) -> None:
    path = f"projects/{project.id}/variables"
    for scope in ("*", "production", "review/*"):
        project.set_variable("KEY", f"of {scope}", environment_scope=scope)
    answer = project.root.call("GET", f"{path}/KEY")
    assert (answer.status_code, "filter[environment_scope]" in answer.text) == (409, True)
    asked = {"filter[environment_scope]": "production"}
    found = project.root.call("GET", f"{path}/KEY", params=asked).json()
    assert (found["value"], found["environment_scope"]) == ("of production", "production")
    body = {"value": "new", "filter": {"environment_scope": "review/*"}}
    assert project.root.put(f"{path}/KEY", body)["value"] == "new"
    assert project.root.call("DELETE", f"{path}/KEY", params=asked).status_code == 204
    left = {one["environment_scope"]: one["value"] for one in project.root.get(path)}
    assert left == {"*": "of *", "review/*": "new"}
    again = project.root.call("POST", path, {"key": "KEY", "value": "x"})
    assert "(KEY) has already been taken" in again.text


def test_who_may_read_variables(coordinator: Coordinator, project: Project) -> None:
    group = coordinator.root.post("groups", {"name": "v", "path": "group-of-variables"})
    maintainer = coordinator.user()
    member = {"user_id": maintainer.id, "access_level": MAINTAINER}
    coordinator.root.post(f"groups/{group['id']}/members", member)
    # As GitLab: a group's variables are its owners'.
    assert maintainer.call("GET", f"groups/{group['id']}/variables").status_code == 403
    coordinator.root.put(f"groups/{group['id']}/members/{maintainer.id}", {"access_level": 50})
    assert maintainer.get(f"groups/{group['id']}/variables") == []
    assert maintainer.call("GET", "admin/ci/variables").status_code == 403
    assert project.add(DEVELOPER).call("GET", f"projects/{project.id}/variables").status_code == 403
    assert project.add(MAINTAINER).get(f"projects/{project.id}/variables") == []
