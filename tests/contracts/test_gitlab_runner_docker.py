"""GitLab's own gitlab-runner with the docker executor: images, services, and a coordinator reached from
containers."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.gitlab_runner import (
    HELPER_VARIABLE,
    OfficialRunner,
    entry,
    finished,
    helper_image,
    log_of,
    started,
    until_status,
    watching,
)
from tests.coordinator.server import Coordinator, Project, Runner, WorkTree, running, until

from shipline.engine.client import connect
from shipline.supervisor.system import bridge_gateway

pytestmark = pytest.mark.engine
IMAGE = "python:3.11-slim"
DATABASE = "postgres:15"
LABEL = "com.gitlab.gitlab-runner.runner.id"


@pytest.fixture(scope="session")
def helper(gitlab_runner_program: Path) -> str:
    found = helper_image(gitlab_runner_program)
    if found is None:
        pytest.skip(f"no helper image beside gitlab-runner: set {HELPER_VARIABLE}")
    return found


@pytest.fixture(scope="module")
def coordinator(
    tmp_path_factory: pytest.TempPathFactory, gitlab_runner_program: Path, docker_host: str
) -> Iterator[Coordinator]:
    async def gateway() -> str:
        async with connect(docker_host) as docker:
            return await bridge_gateway(docker)

    with running(tmp_path_factory.mktemp("coordinator"), bridge=asyncio.run(gateway())) as started_here:
        yield started_here


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project(visibility="public")


def docker(docker_host: str, *words: str) -> list[str]:
    """The lines that docker's command prints."""
    ended = subprocess.run(
        ["docker", *words],
        env=os.environ | {"DOCKER_HOST": docker_host},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return ended.stdout.split()


@pytest.fixture
def runner(project: Project, docker_host: str) -> Iterator[Runner]:
    """What its containers and volumes leave behind on the engine is gone afterwards."""
    made = project.runner()
    yield made
    mine = f"label={LABEL}={made.token.removeprefix('glrt-')[:9]}"
    for kind, words in {"container": ["--all"], "network": [], "volume": []}.items():
        if left := docker(docker_host, kind, "ls", *words, "--quiet", "--filter", mine):
            docker(docker_host, kind, "rm", *(["--force", "--volumes"] if kind == "container" else []), *left)


@pytest.fixture
def manager(
    gitlab_runner_program: Path, runner: Runner, docker_host: str, helper: str, tmp_path: Path
) -> Iterator[OfficialRunner]:
    made = OfficialRunner(gitlab_runner_program, tmp_path / "gitlab-runner")
    made.configure(docker_entry(runner, docker_host, helper))
    with started(made):
        yield made


def docker_entry(runner: Runner, docker_host: str, helper: str, **flags: bool) -> str:
    coordinator = runner.coordinator
    members: dict[str, Any] = {
        "name": "docker",
        "url": coordinator.container_url,
        "clone_url": coordinator.container_url,
        "token": runner.token,
        "executor": "docker",
    }
    table: dict[str, Any] = {
        "host": docker_host,
        "image": IMAGE,
        "pull_policy": ["if-not-present"],
        "volumes": ["/cache"],
    }
    return entry(members, feature_flags=flags, docker=table | ({"helper_image": helper} if helper else {}))


BUILD = f"""\
stages: [build, test]
build:
  stage: build
  script:
    - test "$CI_COMMIT_SHA" = "$(cat .git/HEAD)"
    - python3 -c 'import sys; print(sys.version_info[:2])' > version.txt
    - echo "VERSION=$(cat version.txt)" > build.env
  artifacts: {{paths: [version.txt], reports: {{dotenv: build.env}}}}
test:
  stage: test
  image: {{name: {DATABASE}, entrypoint: [""]}}
  services:
    - name: {DATABASE}
      alias: database
      variables: {{POSTGRES_USER: sam, POSTGRES_PASSWORD: $PASSWORD, POSTGRES_DB: $CI_JOB_NAME}}
  variables: {{PASSWORD: for-$CI_JOB_NAME, PGPASSWORD: $PASSWORD}}
  script:
    - grep 3 version.txt
    - echo "the version is $VERSION"
    - psql --host database --username sam --dbname test --tuples-only --command "select 6 * 7"
"""


def test_jobs_run_in_their_images_with_services_and_artifacts_between_them(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship(BUILD)
    log = log_of(project, finished(project)["test"])
    assert "the version is (3, 11)" in log
    assert "\n       42\n" in log
    assert "Waiting for services to be up and running" in log
    assert "didn't start properly" not in log


NETWORK = f"""\
job:
  services:
    - name: {IMAGE}
      alias: first
      command: [python3, -m, http.server, "8000"]
      variables: {{HEALTHCHECK_TCP_PORT: "8000"}}
    - name: {IMAGE}
      alias: second
      command:
        - python3
        - -c
        - |
          import http.server, time, urllib.request
          for _ in range(600):
              try:
                  urllib.request.urlopen("http://first:8000").read()
                  break
              except OSError:
                  time.sleep(0.1)
          http.server.test(http.server.SimpleHTTPRequestHandler, port=9000)
      variables: {{HEALTHCHECK_TCP_PORT: "9000"}}
  script:
    - python3 -c 'import urllib.request as u; print("reached", u.urlopen("http://second:9000").status)'
"""


def test_with_a_network_per_build_services_reach_one_another(
    gitlab_runner_program: Path,
    project: Project,
    work_tree: WorkTree,
    runner: Runner,
    docker_host: str,
    helper: str,
    tmp_path: Path,
) -> None:
    manager = OfficialRunner(gitlab_runner_program, tmp_path / "gitlab-runner")
    manager.configure(docker_entry(runner, docker_host, helper, FF_NETWORK_PER_BUILD=True))
    with started(manager):
        work_tree.ship(NETWORK)
        log = log_of(project, finished(project)["job"])
    assert "reached 200" in log
    assert "didn't start properly" not in log


ENDINGS = """\
stages: [one]
exits: {stage: one, script: exit 3, after_script: [echo "after $CI_JOB_STATUS"]}
no-image: {stage: one, image: registry.invalid/nothing:1, script: echo}
"""


def test_a_failed_script_and_an_image_that_is_not_there_are_told_apart(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship(ENDINGS)
    jobs = finished(project, "failed")
    assert (jobs["exits"]["failure_reason"], jobs["exits"]["exit_code"]) == ("script_failure", 3)
    assert "after failed" in log_of(project, jobs["exits"])
    assert jobs["no-image"]["failure_reason"] == "image_pull_failure"
    assert "registry.invalid/nothing:1" in log_of(project, jobs["no-image"])


def test_a_cancelled_job_leaves_no_container_behind(
    project: Project, work_tree: WorkTree, manager: OfficialRunner, runner: Runner, docker_host: str
) -> None:
    # Of a job that is silent gitlab-runner asks only every 30 s whether it shall go on.
    work_tree.ship("job:\n  script: for i in $(seq 600); do echo still here; sleep 1; done\n")
    job = until_status(project, "job", "running")
    mine = f"label={LABEL}={runner.token.removeprefix('glrt-')[:9]}"
    with watching(project, job["id"]):
        until(lambda: "\nstill here\n" in log_of(project, job), "the script runs", 120, pause=0.1)
        assert project.act("cancel", job["id"]).status_code == 201
        until(
            lambda: not docker(docker_host, "ps", "--quiet", "--filter", mine),
            "its containers end",
            120,
            pause=0.2,
        )
    assert project.statuses() == {"job": "canceled"}
