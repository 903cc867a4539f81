"""Pushes that are not all well, and what their authors are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.scenarios.conftest import IMAGE, Project, System

from shipline.demo.git import WorkTree
from shipline.errors import RemoteError

pytestmark = [pytest.mark.scenario, pytest.mark.asyncio(loop_scope="session")]
Projects = Callable[[str], Awaitable[Project]]

BROKEN = """\
stages: [test]
one:
  stage: nowhere
  script: echo
two:
  script: echo
  colour: red
"""


async def test_a_pipeline_that_is_invalid_fails_and_tells_every_error_with_its_line(
    projects: Projects,
) -> None:
    project = await projects("bad/invalid")
    ended = await project.push({".gitlab-ci.yml": BROKEN})
    assert ended.pipeline["status"] == "failed"
    assert ended.jobs == {}
    for text in (ended.said, ended.pipeline["yaml_errors"]):
        assert ".gitlab-ci.yml:3" in text
        assert "nowhere" in text
        assert ".gitlab-ci.yml:7" in text
        assert "colour" in text


async def test_a_file_that_is_not_yaml_is_told_with_its_line(projects: Projects) -> None:
    project = await projects("bad/not-yaml")
    ended = await project.push({".gitlab-ci.yml": "one:\n  script: [echo\n"})
    assert ended.pipeline["status"] == "failed"
    assert ".gitlab-ci.yml:" in ended.said


async def test_a_push_without_a_pipeline_file_is_accepted_and_says_what_is_missing(
    projects: Projects,
) -> None:
    project = await projects("bad/missing")
    ended = await project.push({"README": "hello"})
    assert ended.pipeline["status"] == "failed"
    assert ".gitlab-ci.yml" in ended.said


async def test_a_wrong_token_gets_nowhere(system: System, projects: Projects) -> None:
    project = await projects("bad/token")
    tree = project.work_tree
    stranger = WorkTree(tree.folder, tree.url, "root", "not-the-token")
    (tree.folder / "x").write_text("x")
    await tree.commit("x")
    with pytest.raises(RemoteError, match=r"401|Authentication failed|could not read Username"):
        await stranger.push()
    unknown = f"{system.url}/no/such.git/info/refs?service=git-receive-pack"
    known = f"{tree.url}/info/refs?service=git-receive-pack"
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [await client.get(url) for url in (unknown, known)]
        assert [answer.status_code for answer in answers] == [401, 401]
        assert answers[0].text == answers[1].text
        answer = await client.get(
            f"{system.url}/api/v4/projects/bad%2Ftoken", headers={"PRIVATE-TOKEN": "wrong"}
        )
        assert answer.status_code == 401


SECRETS = f"""\
show:
  image: {IMAGE}
  script:
    - echo "value=<$PROTECTED>"
    - printf 'begin:super'; sleep 0.3; printf 'secretvalue:end\\n'
"""


async def test_protected_and_masked_variables_stay_where_they_belong(projects: Projects) -> None:
    project = await projects("vars/secrets")
    await project.gitlab.set_variable(project.project["id"], "PROTECTED", "visible-on-main")
    await project.gitlab.set_variable(project.project["id"], "MASKED", "supersecretvalue", masked=True)
    main = await project.push({".gitlab-ci.yml": SECRETS})
    assert "value=<visible-on-main>" in main.logs["show"]
    assert "begin:[MASKED]:end" in main.logs["show"]
    branch = await project.push({"x": "x"}, "feature")
    log = branch.logs["show"]
    assert "value=<>" in log
    assert "visible-on-main" not in log
    notice = [
        line for line in log.splitlines() if "PROTECTED" in line and "protected" in line and "$ " not in line
    ]
    assert len(notice) == 1


IMAGES = f"""\
no-image:
  image: registry.invalid.example:1/none:1
  script: echo never
dying-service:
  image: {IMAGE}
  services:
    - name: {IMAGE}
      alias: dies
      entrypoint: [sh, -c, "echo I cannot go on; exit 5"]
  script: echo ran
exit-code:
  image: {IMAGE}
  script:
    - exit 42
  after_script:
    - echo "after $CI_JOB_STATUS"
timed-out:
  image: {IMAGE}
  timeout: 3 seconds
  script: sleep 300
"""


async def test_jobs_that_cannot_go_well_say_why(projects: Projects) -> None:
    project = await projects("bad/jobs")
    ended = await project.push({".gitlab-ci.yml": IMAGES})
    assert {name: job["status"] for name, job in ended.jobs.items()}["no-image"] == "failed"
    assert "registry.invalid.example:1/none:1" in ended.logs["no-image"]
    assert "never" not in ended.logs["no-image"].replace("pull policy is never", "")
    assert "I cannot go on" in ended.logs["dying-service"]
    assert ended.jobs["exit-code"]["status"] == "failed"
    assert "exit code 42" in ended.logs["exit-code"]
    assert "after failed" in ended.logs["exit-code"]
    assert ended.jobs["timed-out"]["status"] == "failed"
    assert ended.jobs["timed-out"]["failure_reason"] == "job_execution_timeout"


async def test_a_job_that_is_cancelled_ends_at_once(projects: Projects) -> None:
    project = await projects("run/cancel")
    text = f"long:\n  image: {IMAGE}\n  script: echo begun; sleep 300\n"
    _, sha = await project.push_only({".gitlab-ci.yml": text})
    number = project.project["id"]
    pipeline = await project.gitlab.pipeline_of(number, sha)
    async with asyncio.timeout(60):
        while True:
            (job,) = await project.gitlab.call("GET", f"projects/{number}/pipelines/{pipeline['id']}/jobs")
            if job["status"] == "running" and "begun" in await project.gitlab.log(number, job["id"]):
                break
            await asyncio.sleep(0.2)
    await project.gitlab.call("POST", f"projects/{number}/jobs/{job['id']}/cancel")
    ended, _ = await project.gitlab.follow(number, pipeline["id"], lambda job: None, 30)
    assert ended["status"] == "canceled"


ARTIFACTS = f"""\
stages: [make, use]
make:
  stage: make
  image: {IMAGE}
  script: mkdir -p out && echo made > out/file
  artifacts:
    paths: [out/]
use:
  stage: use
  image: {IMAGE}
  script: cat out/file
skipped:
  stage: use
  image: {IMAGE}
  rules:
    - if: $CI_COMMIT_BRANCH == "other"
  script: echo no
"""


async def test_what_one_job_makes_the_next_one_has(projects: Projects) -> None:
    project = await projects("run/artifacts")
    ended = await project.push({".gitlab-ci.yml": ARTIFACTS})
    assert ended.pipeline["status"] == "success", ended.logs
    assert set(ended.jobs) == {"make", "use"}
    assert "made" in ended.logs["use"]
