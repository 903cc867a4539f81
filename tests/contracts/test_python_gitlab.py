"""The real python-gitlab against a coordinator: what its users do with GitLab's REST API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import pytest
from gitlab.exceptions import (
    GitlabAuthenticationError,
    GitlabCreateError,
    GitlabGetError,
    GitlabJobRetryError,
)
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import ZIP, Coordinator, Job, Project, Runner, WorkTree, running

from shipline.version import __version__

pytestmark = on_both_databases

CI = "stages: [a, b]\njob:\n  stage: a\n  script: echo\nnext:\n  stage: b\n  script: echo\n  when: manual\n"


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


@pytest.fixture
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(made: Project, tmp_path: Path) -> WorkTree:
    return made.work_tree(tmp_path / "work-tree")


@pytest.fixture
def project(client: gitlab.Gitlab, made: Project) -> Any:
    return client.projects.get(made.id)


def test_it_signs_in(client: gitlab.Gitlab, coordinator: Coordinator) -> None:
    client.auth()
    assert client.user is not None
    assert client.user.username == "root"
    assert client.version() == ("17.0.0", f"shipline-{__version__}")
    with (
        gitlab.Gitlab(coordinator.url, private_token="glpat-wrong") as stranger,
        pytest.raises(GitlabAuthenticationError),
    ):
        stranger.auth()


def test_it_signs_in_with_a_bearer_token(coordinator: Coordinator) -> None:
    with gitlab.Gitlab(coordinator.url, oauth_token=coordinator.root.token) as client:
        client.auth()


def test_projects_are_created_found_and_listed(client: gitlab.Gitlab) -> None:
    created = client.projects.create(
        {"name": "shop", "namespace_path": "group/sub", "description": "A shop", "default_branch": "trunk"}
    )
    assert created.path_with_namespace == "group/sub/shop"
    assert (created.description, created.default_branch, created.visibility) == ("A shop", "trunk", "private")
    assert client.projects.get("group/sub/shop").id == created.id
    assert [one.id for one in client.projects.list(search="sub/shop")] == [created.id]
    with pytest.raises(GitlabCreateError, match="has already been taken"):
        client.projects.create({"name": "shop", "namespace_path": "group/sub"})
    with pytest.raises(GitlabGetError, match="404 Project Not Found"):
        client.projects.get("group/nowhere")


def test_lists_are_followed_from_page_to_page(client: gitlab.Gitlab, project: Any) -> None:
    for number in range(7):
        project.variables.create({"key": f"KEY_{number}", "value": "x"})
    wanted = [f"KEY_{number}" for number in range(7)]
    by_path = client.projects.get(project.path_with_namespace)
    for found in (project, by_path, client.projects.get(project.path_with_namespace, lazy=True)):
        pages = found.variables.list(iterator=True, per_page=3)
        assert [one.key for one in pages] == wanted
        assert [one.key for one in found.variables.list(get_all=True, per_page=2)] == wanted
    first = project.variables.list(iterator=True, per_page=3)
    assert (first.total, first.total_pages, first.per_page, first.next_page) == (7, 3, 3, 2)
    assert [one.key for one in project.variables.list(page=3, per_page=3)] == ["KEY_6"]


def test_variables_are_created_changed_and_deleted(project: Any) -> None:
    project.variables.create({"key": "TOKEN", "value": "a-long-secret", "masked": True, "protected": True})
    variable = project.variables.get("TOKEN")
    assert (variable.value, variable.masked, variable.protected) == ("a-long-secret", True, True)
    variable.value = "another-secret"
    variable.save()
    assert project.variables.get("TOKEN").value == "another-secret"
    project.variables.update("TOKEN", {"protected": False})
    assert project.variables.get("TOKEN").protected is False
    with pytest.raises(GitlabCreateError, match="has already been taken"):
        project.variables.create({"key": "TOKEN", "value": "x"})
    with pytest.raises(GitlabCreateError, match="is invalid"):
        project.variables.create({"key": "SHORT", "value": "x", "masked": True})
    variable.delete()
    with pytest.raises(GitlabGetError, match="404 Variable Not Found"):
        project.variables.get("TOKEN")


def test_branches_are_protected_and_not_any_more(project: Any, work_tree: WorkTree) -> None:
    work_tree.ship(CI, branch="feature/one")
    project.protectedbranches.create({"name": "feature/one"})
    project.protectedbranches.create({"name": "release/*"})
    assert [one.name for one in project.protectedbranches.list()] == ["feature/one", "release/*"]
    found = project.protectedbranches.get("feature/one")
    assert found.push_access_levels[0]["access_level"] == gitlab.const.MAINTAINER_ACCESS
    assert project.branches.get("feature/one").protected is True
    with pytest.raises(GitlabCreateError, match="already exists"):
        project.protectedbranches.create({"name": "release/*"})
    found.delete()
    project.protectedbranches.delete("release/*")
    assert project.protectedbranches.list() == []
    assert [(one.name, one.protected) for one in project.branches.list()] == [("feature/one", False)]


def test_pipelines_are_created_listed_and_cancelled(project: Any, work_tree: WorkTree) -> None:
    sha = work_tree.ship(CI).sha
    pushed = project.pipelines.list(ref="main")[0]
    created = project.pipelines.create({"ref": "main"})
    assert (created.sha, created.status, created.source) == (sha, "pending", "api")
    assert [one.id for one in project.pipelines.list(sha=sha)] == [created.id, pushed.id]
    assert project.pipelines.list(sha="0" * 40) == []
    with pytest.raises(GitlabCreateError, match="Reference not found"):
        project.pipelines.create({"ref": "nowhere"})
    created.cancel()
    created.refresh()
    assert created.status == "canceled"
    assert [one.id for one in project.pipelines.list(status="canceled")] == [created.id]


def test_an_invalid_pipeline_tells_its_errors(project: Any, work_tree: WorkTree) -> None:
    work_tree.ship("job:\n  colour: red\n  script: echo\n")
    found = project.pipelines.list()[0]
    assert found.status == "failed"
    assert project.pipelines.get(found.id).yaml_errors.startswith(".gitlab-ci.yml:2: ")


def test_jobs_are_followed_to_their_end(project: Any, work_tree: WorkTree, made: Project) -> None:
    work_tree.ship(CI)
    pipeline = project.pipelines.list()[0]
    assert {one.name: one.status for one in pipeline.jobs.list()} == {"job": "pending", "next": "created"}
    taken = made.runner().take()
    taken.trace(b"hello\n")
    job = project.jobs.get(taken.id)
    assert (job.status, job.stage, job.ref) == ("running", "a", "main")
    assert job.pipeline["id"] == pipeline.id
    assert job.trace() == b"hello\n"
    taken.upload(ZIP)
    taken.succeed()
    job.refresh()
    assert job.status == "success"
    assert job.attributes["artifacts"] == [
        {"file_type": "archive", "size": len(ZIP), "filename": "artifacts.zip", "file_format": "zip"}
    ]
    assert project.jobs.get(taken.id, lazy=True).artifacts() == ZIP
    pieces: list[bytes] = []
    project.jobs.get(taken.id, lazy=True).artifacts(streamed=True, action=pieces.append)
    assert b"".join(pieces) == ZIP
    pipeline.refresh()
    assert pipeline.status == "success"
    assert [one.id for one in project.jobs.list(scope=["success"])] == [taken.id]
    assert [one.name for one in project.jobs.list(scope="manual")] == ["next"]


def test_jobs_are_played_cancelled_and_retried(project: Any, work_tree: WorkTree, made: Project) -> None:
    work_tree.ship(CI)
    runner = made.runner()
    runner.take().succeed()
    pipeline = project.pipelines.list()[0]
    manual = project.jobs.get(pipeline.jobs.list(scope="manual")[0].id)
    manual.play()
    taken = runner.take()
    assert taken.id == manual.id
    manual.cancel()
    taken.fail("job_canceled", None)
    manual.refresh()
    assert manual.status == "canceled"
    answer = manual.retry()
    assert answer["id"] != manual.id
    with pytest.raises(GitlabJobRetryError, match="cannot be retried"):
        manual.retry()
    assert len(pipeline.jobs.list(include_retried=True)) == 3


def test_a_pipeline_is_retried(project: Any, work_tree: WorkTree, made: Project) -> None:
    work_tree.ship(CI)
    runner = made.runner()
    runner.take().fail()
    pipeline = project.pipelines.list()[0]
    assert pipeline.status == "failed"
    pipeline.retry()
    runner.take().succeed()
    pipeline.refresh()
    assert pipeline.status == "success"


def test_runners_are_made_changed_and_deleted(
    client: gitlab.Gitlab, coordinator: Coordinator, project: Any
) -> None:
    client.auth()
    body = {
        "runner_type": "project_type",
        "project_id": project.id,
        "tag_list": ["docker"],
        "description": "One",
    }
    assert client.user is not None
    created = client.user.runners.create(body)
    assert created.token.startswith("glrt-")
    assert Runner(coordinator, created.id, created.token).verify().status_code == 200
    runner = client.runners.get(created.id)
    assert (runner.description, runner.tag_list, runner.paused) == ("One", ["docker"], False)
    assert not hasattr(runner, "token")
    runner.paused = True
    runner.tag_list = ["docker", "arm"]
    runner.save()
    assert client.runners.get(created.id).paused is True
    assert created.id in [one.id for one in client.runners_all.list(get_all=True)]
    runner.delete()
    with pytest.raises(GitlabGetError, match="404 Runner Not Found"):
        client.runners.get(created.id)
    with pytest.raises(GitlabCreateError, match="can not be empty when runner is not allowed"):
        client.user.runners.create({"runner_type": "instance_type", "run_untagged": False})


def test_users_get_tokens_and_become_members(client: gitlab.Gitlab, project: Any) -> None:
    user = client.users.create({"username": "sam", "name": "Sam", "email": "sam@example.com"})
    token = user.personal_access_tokens.create({"name": "ci", "scopes": ["api"], "expires_at": "2999-01-01"})
    assert [one.id for one in client.users.list(username="sam")] == [user.id]
    member = project.members.create({"user_id": user.id, "access_level": gitlab.const.DEVELOPER_ACCESS})
    with gitlab.Gitlab(client.url, private_token=token.token) as theirs:
        assert theirs.projects.get(project.id).path_with_namespace == project.path_with_namespace
        with pytest.raises(GitlabCreateError, match="403 Forbidden"):
            theirs.projects.get(project.id).variables.create({"key": "A", "value": "x"})
        member.access_level = gitlab.const.MAINTAINER_ACCESS
        member.save()
        theirs.projects.get(project.id).variables.create({"key": "A", "value": "x"})
        project.members.delete(user.id)
        with pytest.raises(GitlabGetError, match="404 Project Not Found"):
            theirs.projects.get(project.id)
    assert project.members.list() == []


def test_a_job_s_own_token_tells_which_job_it_is(
    coordinator: Coordinator, work_tree: WorkTree, made: Project
) -> None:
    work_tree.ship(CI)
    taken: Job = made.runner().take()
    with gitlab.Gitlab(coordinator.url, job_token=taken.token) as client:
        assert client.http_get("/job")["id"] == taken.id
