"""The real python-gitlab and what a project deploys: environments, deployments, resource groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabCreateError, GitlabDeleteError, GitlabGetError
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import Coordinator, Project, WorkTree, running

pytestmark = on_both_databases

CI = """\
deploy:
  script: make deploy
  environment: {name: production, url: https://shop.example.com, on_stop: stop}
  resource_group: eu/production
stop:
  script: make stop
  when: manual
  environment: {name: production, action: stop}
"""


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(made: Project, tmp_path: Path) -> WorkTree:
    return made.work_tree(tmp_path / "work-tree")


@pytest.fixture
def project(coordinator: Coordinator, made: Project) -> Iterator[Any]:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as client:
        yield client.projects.get(made.id)


def test_environments_are_created_listed_changed_stopped_and_deleted(project: Any) -> None:
    made = project.environments.create({"name": "review/one", "external_url": "https://one.example.com"})
    assert (made.slug[:11], made.tier, made.state) == ("review-one-", "development", "available")
    assert [one.name for one in project.environments.list(states="available")] == ["review/one"]
    assert project.environments.list(name="elsewhere") == []
    made.external_url = "https://other.example.com"
    made.save()
    assert project.environments.get(made.id).external_url == "https://other.example.com"
    with pytest.raises(GitlabCreateError, match="has already been taken"):
        project.environments.create({"name": "review/one"})
    with pytest.raises(GitlabDeleteError):
        made.delete()
    made.stop()
    assert project.environments.get(made.id).state == "stopped"
    made.delete()
    with pytest.raises(GitlabGetError, match="404 Environment Not Found"):
        project.environments.get(made.id)


def test_deployments_tell_what_was_deployed_by_which_job(
    project: Any, made: Project, work_tree: WorkTree
) -> None:
    sha = work_tree.ship(CI).sha
    runner = made.runner()
    job = runner.take()
    (deployment,) = project.deployments.list(environment="production", status="running", order_by="iid")
    assert (deployment.sha, deployment.ref, deployment.deployable["id"]) == (sha, "main", job.id)
    job.succeed()
    found = project.deployments.get(deployment.id)
    assert (found.status, found.environment["external_url"]) == ("success", "https://shop.example.com")
    (environment,) = project.environments.list()
    assert project.environments.get(environment.id).last_deployment["iid"] == 1
    environment.stop()
    assert project.environments.get(environment.id).state == "stopping"
    stop = runner.take()
    assert project.jobs.get(stop.id).environment["action"] == "stop"
    stop.succeed()
    assert project.environments.get(environment.id).state == "stopped"


def test_resource_groups_tell_who_waits_and_change_their_mode(
    project: Any, made: Project, work_tree: WorkTree
) -> None:
    # A newer push would cancel what the older one has not begun.
    project.auto_cancel_pending_pipelines = "disabled"
    project.save()
    for _ in range(2):
        work_tree.ship(CI)
    group = project.resource_groups.get("eu/production")
    assert group.process_mode == "unordered"
    assert [one.key for one in project.resource_groups.list()] == ["eu/production"]
    group.process_mode = "newest_first"
    group.save()
    assert project.resource_groups.get("eu/production").process_mode == "newest_first"
    newest, oldest = (made.jobs(pipeline["id"])["deploy"]["id"] for pipeline in made.pipelines())
    assert [one.id for one in group.upcoming_jobs.list()] == [newest]
    current = project.manager.gitlab.http_get(f"{group.manager.path}/{group.encoded_id}/current_job")
    assert current["id"] == oldest
    with pytest.raises(GitlabGetError, match="404 Resource group Not Found"):
        project.resource_groups.get("elsewhere")
