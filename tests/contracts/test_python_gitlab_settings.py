"""Groups and projects that are renamed and moved, lists with filters, and the settings of the instance, by
python-gitlab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabError, GitlabGetError, GitlabUpdateError
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import DEVELOPER, OWNER, Coordinator, Project, User, running

pytestmark = on_both_databases
CI = "job:\n  script: echo\n"


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture(scope="module")
def client(coordinator: Coordinator) -> Iterator[gitlab.Gitlab]:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as opened:
        yield opened


def as_user(user: User) -> gitlab.Gitlab:
    return gitlab.Gitlab(user.coordinator.url, private_token=user.token)


def test_all_that_lies_in_a_group_comes_along_when_it_is_renamed(
    client: gitlab.Gitlab, coordinator: Coordinator, tmp_path: Path
) -> None:
    group = client.groups.create({"name": "Old", "path": "old"})
    client.groups.create({"name": "Old times", "path": "old-times"})
    team = client.groups.create({"name": "Team", "path": "team", "parent_id": group.id})
    made = client.projects.create({"name": "web", "namespace_id": team.id})
    user = coordinator.user()
    group.members.create({"user_id": user.id, "access_level": DEVELOPER})
    group.variables.create({"key": "FROM_GROUP", "value": "yes"})
    group.path = "new"
    group.name = "New"
    group.save()
    assert (group.full_path, group.name) == ("new", "New")
    assert client.groups.get(team.id).full_path == "new/team"
    assert client.projects.get("new/team/web").id == made.id
    assert client.groups.get("old-times").full_path == "old-times"
    with pytest.raises(GitlabGetError):
        client.groups.get("old")
    # Roles and variables are still those of the group, and git finds the project at its new place.
    project = Project(coordinator, made.id, "new/team/web")
    project.work_tree(tmp_path / "tree", user).ship(CI, branch="side")
    assert project.runner().take().variables["FROM_GROUP"] == "yes"


def test_a_group_is_not_called_as_another_nor_what_nothing_can_be_called(client: gitlab.Gitlab) -> None:
    group = client.groups.create({"name": "one", "path": "one"})
    client.groups.create({"name": "two", "path": "two"})
    inner = client.groups.create({"name": "x", "path": "x" * 200, "parent_id": group.id})
    for path in ("two", "TWO", "root", "api", "a b", "../x", "two/three", "y" * 100):
        group.path = path
        with pytest.raises(GitlabUpdateError) as error:
            group.save()
        assert error.value.response_code == 400, path
    assert client.groups.get(inner.id).full_path == f"one/{'x' * 200}"
    group.path = "ONE"
    group.save()
    assert client.groups.get(inner.id).full_path == f"ONE/{'x' * 200}"


def test_groups_and_projects_are_moved_by_who_may(client: gitlab.Gitlab, coordinator: Coordinator) -> None:
    above = client.groups.create({"name": "above", "path": "above"})
    group = client.groups.create({"name": "moving", "path": "moving"})
    project = client.projects.create({"name": "app", "namespace_id": group.id})
    user = coordinator.user()
    group.members.create({"user_id": user.id, "access_level": OWNER})
    with pytest.raises(GitlabError) as error:
        as_user(user).groups.get(group.id).transfer(above.id)
    assert error.value.response_code == 404
    group.transfer(above.id)
    assert client.projects.get(project.id).path_with_namespace == "above/moving/app"
    with pytest.raises(GitlabError, match="in it"):
        above.transfer(group.id)
    group.transfer()
    assert client.groups.get(group.id).full_path == "moving"
    client.projects.get(project.id).transfer("above")
    assert client.projects.get(project.id).path_with_namespace == "above/app"
    with pytest.raises(GitlabError):
        as_user(user).projects.get(project.id)


def test_pipelines_are_found_by_what_gitlab_finds_them_by(
    client: gitlab.Gitlab, coordinator: Coordinator, tmp_path: Path
) -> None:
    made = coordinator.project()
    tree = made.work_tree(tmp_path / "tree")
    named = "workflow: {name: Nightly}\n" + CI
    tree.ship(named)
    made.runner().take().succeed()
    tree.ship(CI, branch="side")
    tree.ship("job: {}\n", branch="broken")
    tree.push("HEAD~1:refs/tags/v1")
    project = client.projects.get(made.id)
    pipelines = project.pipelines

    def found(**wanted: Any) -> list[str]:
        return [one.ref for one in pipelines.list(**wanted)]

    assert found() == ["v1", "broken", "side", "main"]
    assert found(sort="asc", order_by="ref") == ["broken", "main", "side", "v1"]
    assert found(scope="finished") == ["broken", "main"]
    assert found(scope="pending") == ["v1", "side"]
    assert found(scope="tags") == ["v1"]
    assert found(scope="branches") == ["broken", "side", "main"]
    assert found(yaml_errors=True) == ["broken"]
    assert found(yaml_errors=False) == ["v1", "side", "main"]
    assert found(name="Nightly") == ["main"]
    assert found(username="root", status="success") == ["main"]
    assert found(username="nobody") == []
    assert found(updated_after="2100-01-01T00:00:00Z") == []
    assert found(created_before="2100-01-01") == ["v1", "broken", "side", "main"]
    one = pipelines.list(ref="main")[0]
    assert (one.name, one.source, one.project_id, one.iid) == ("Nightly", "push", made.id, 1)
    assert pipelines.get(one.id).detailed_status["text"] == "success"
    assert pipelines.get(one.id).user["username"] == "root"


@pytest.mark.parametrize(
    "path",
    [
        "projects/P/pipelines?status=bogus", "projects/P/pipelines?scope=bogus", "projects/P/pipelines?source=bogus",
        "projects/P/pipelines?order_by=bogus", "projects/P/pipelines?sort=bogus", "projects/P/jobs?scope=bogus",
        "projects/P/jobs?scope[]=bogus", "projects/P/environments?states=bogus", "projects/P/deployments?status=bogus",
        "projects/P/merge_requests?state=bogus", "projects/P/pipeline_schedules?scope=bogus",
        "projects?visibility=bogus", "projects?order_by=bogus", "projects?sort=bogus", "projects?min_access_level=11",
        "groups?order_by=bogus", "groups?min_access_level=11", "runners?type=bogus", "runners?status=bogus",
        "personal_access_tokens?state=bogus",
    ],
)  # fmt: skip
def test_a_filter_that_is_not_known_is_refused(coordinator: Coordinator, path: str) -> None:
    project = coordinator.project()
    answer = coordinator.root.call("GET", path.replace("P/", f"{project.id}/"))
    assert answer.status_code == 400, answer.text
    assert path.partition("?")[2].partition("=")[0].removesuffix("[]") in answer.json()["error"]


def test_administrators_read_the_settings_and_are_told_where_they_are_set(
    client: gitlab.Gitlab, coordinator: Coordinator
) -> None:
    settings = client.settings.get()
    assert settings.signup_enabled is False
    assert settings.max_artifacts_size == 1024
    assert settings.allow_runner_registration_token is False
    settings.default_branch_name = "main"
    settings.save()
    settings.allow_runner_registration_token = True
    with pytest.raises(GitlabUpdateError, match=r"config\.toml") as error:
        settings.save()
    assert error.value.response_code == 400
    assert client.settings.get().allow_runner_registration_token is False
    with pytest.raises(GitlabError) as refused:
        as_user(coordinator.user()).settings.get()
    assert refused.value.response_code == 403
