"""A team's whole way with python-gitlab: group, project, secrets, a push, its pipeline, a runner, logs, artifacts,
one thing that goes wrong, and the end of it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gitlab
import pytest
from gitlab.exceptions import GitlabError, GitlabJobPlayError
from tests.coordinator.server import Coordinator, Project, Runner, User, running, zipped

CI = """\
stages: [test, build, deploy]
test: {stage: test, script: make test}
build: {stage: build, script: make, artifacts: {paths: [out/]}}
deploy: {stage: deploy, script: make deploy, when: manual, environment: production}
"""


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    with running(tmp_path / "data") as started:
        yield started


def test_a_team_ships_with_python_gitlab(coordinator: Coordinator, tmp_path: Path) -> None:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as root:
        root.auth()
        group = root.groups.create({"name": "Shop", "path": "shop"})
        project = root.projects.create({"name": "web", "namespace_id": group.id, "build_timeout": 1800})
        people = {}
        for name, level in (("dora", gitlab.const.DEVELOPER_ACCESS), ("mia", gitlab.const.MAINTAINER_ACCESS)):
            user = root.users.create({"username": name, "name": name.title(), "email": f"{name}@example.com"})
            token = user.personal_access_tokens.create({"name": "cli", "scopes": ["api"]}).token
            group.members.create({"user_id": user.id, "access_level": level})
            people[name] = User(coordinator, user.id, name, token)
        group.variables.create({"key": "REGION", "value": "north"})
        project.variables.create({"key": "REGION", "value": "south"})
        project.variables.create(
            {"key": "DEPLOY_KEY", "value": "a-deploy-key", "masked_and_hidden": True, "protected": True}
        )
        created = root.user.runners.create({"runner_type": "project_type", "project_id": project.id})
        runner = Runner(coordinator, created.id, created.token)
    made = Project(coordinator, project.id, project.path_with_namespace)

    with gitlab.Gitlab(coordinator.url, private_token=people["mia"].token) as mia:
        sha = made.work_tree(tmp_path / "mia", people["mia"]).ship(CI).sha
        theirs = mia.projects.get("shop/web")
        assert [one.name for one in theirs.protectedbranches.list()] == ["main"]
        (pipeline,) = theirs.pipelines.list(sha=sha)
        jobs = {one.name: one for one in pipeline.jobs.list()}
        assert {name: one.status for name, one in jobs.items()} == {
            "test": "pending",
            "build": "created",
            "deploy": "created",
        }

        test = runner.take()
        assert (test.variables["REGION"], test.variables["DEPLOY_KEY"]) == ("south", "a-deploy-key")
        test.trace(b"one failure\n")
        test.fail()
        failed = theirs.jobs.get(test.id)
        assert (failed.status, failed.failure_reason) == ("failed", "script_failure")
        assert failed.trace() == b"one failure\n"
        failed.retry()
        runner.take().succeed()

        build = runner.take()
        build.upload(zipped(**{"out__app.txt": "app"}))
        build.succeed()
        assert theirs.jobs.get(build.id).artifact("out/app.txt") == b"app"
        pipeline.refresh()
        assert pipeline.status == "success"
        assert theirs.artifacts.raw("main", "out/app.txt", "build") == b"app"

        # A developer may look at all of it, but deploy to a protected branch only who may push there.
        with gitlab.Gitlab(coordinator.url, private_token=people["dora"].token) as dora:
            hers = dora.projects.get("shop/web", lazy=True)
            assert hers.jobs.get(build.id).status == "success"
            with pytest.raises(GitlabJobPlayError, match="403"):
                hers.jobs.get(jobs["deploy"].id).play()
            with pytest.raises(GitlabError, match="403"):
                hers.variables.list()
        theirs.jobs.get(jobs["deploy"].id).play()
        deploy = runner.take()
        theirs.jobs.get(deploy.id).cancel()
        deploy.fail("job_canceled", None)
        assert theirs.jobs.get(deploy.id).status == "canceled"
        assert [one.status for one in theirs.commits.get(sha).statuses.list(name="deploy")] == ["canceled"]

    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as root:
        root.projects.get("shop/web").pipelines.get(pipeline.id).delete()
        root.groups.delete("shop")
        assert root.projects.list(search="shop/") == []
