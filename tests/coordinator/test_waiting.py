"""`git push -o ci.wait`: the pusher sees the pipeline run; and what other push options do."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.junit import KIND, bad, good, junit, suite
from tests.coordinator.server import DEVELOPER, Project, Runner, WorkTree, git_environment, until

pytestmark = on_both_databases

TWO = """\
stages: [test, deploy]
test: {stage: test, script: make test}
deploy: {stage: deploy, script: make deploy, environment: {name: production, url: "https://$CI_PROJECT_NAME.example"}}
"""


@contextmanager
def pushing(tree: WorkTree, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A `git push` that goes on while the test does something else."""
    process = subprocess.Popen(
        # Where tests run in the background SIGINT is ignored, by whatever they start too.
        ["env", "--default-signal=INT", "git", "push", *words],
        cwd=tree.folder,
        env=git_environment(tree.project.git_url, tree.user.name, tree.user.token),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """What git has printed, up to the line that has these words."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.removeprefix("remote:").strip())
        if words in line:
            return lines
    pytest.fail(f"{words!r} was never said: {lines}")


def test_the_pusher_sees_jobs_end_while_they_do(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.commit({".gitlab-ci.yml": TWO})
    with pushing(work_tree, "-o", "ci.wait", "origin", "HEAD:refs/heads/main") as push:
        created = read_until(push, "created for main")[-1]
        runner.take().succeed()
        said = read_until(push, "test: success")
        assert said[-2] == "test:"
        deploy = until(lambda: (answer := runner.request()).status_code == 201 and answer.json(), "deploy")
        token = {"token": deploy["token"], "state": "success"}
        with project.coordinator.client() as client:
            assert client.put(f"/api/v4/jobs/{deploy['id']}", json=token).status_code == 200
        end = read_until(push, "https://")
        assert push.wait(timeout=30) == 0
    number = created.split("#")[1].split(" ")[0]
    assert any(line.startswith(f"Pipeline #{number}: success after") for line in end)
    assert end[-1] == f"production: https://{project.path.rpartition('/')[2]}.example"


def test_a_failure_is_told_with_the_end_of_the_log(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.commit(
        {".gitlab-ci.yml": TWO.replace("make test", "make test, artifacts: {reports: {junit: a.xml}}")}
    )
    with pushing(work_tree, "-o", "ci.wait", "origin", "HEAD:refs/heads/main") as push:
        read_until(push, "created for main")
        job = runner.take()
        job.upload(junit(suite(good("a"), bad("b", "1 is not 2"))), **KIND)
        job.trace(b"\x1b[32;1m$ make test\x1b[0;m\nE  assert 1 == 2\n")
        job.fail(exit_code=2)
        said = read_until(push, "assert 1 == 2")
        assert push.wait(timeout=30) == 0
    assert "test failed: script failure, exit code 2" in "\n".join(said)
    failed = ["1 test failed:", "x app.tests: b: 1 is not 2"]
    assert said[-4:] == [*failed, "| $ make test", "| E  assert 1 == 2"]


def test_who_stops_waiting_stops_nothing(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    sha = work_tree.commit({".gitlab-ci.yml": TWO})
    with pushing(work_tree, "-o", "ci.wait", "origin", "HEAD:refs/heads/main") as push:
        read_until(push, "created for main")
        os.killpg(push.pid, signal.SIGINT)
        push.wait(timeout=30)
    assert project.pipeline()["status"] == "pending"
    assert project.root.get(f"projects/{project.id}/repository/branches/main")["commit"]["id"] == sha
    runner.take().succeed()
    assert project.statuses()["test"] == "success"


def test_a_push_without_the_option_does_not_wait(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(TWO)
    assert project.pipeline()["status"] == "pending"


def test_a_push_gives_variables_and_inputs_to_its_pipeline(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.set_variable("WHO", "the project")
    ci = (
        "spec: {inputs: {count: {type: number}}}\n---\n"
        "job: {script: 'make $[[ inputs.count ]]', rules: [{if: $WHO == 'a pusher'}]}\n"
    )
    work_tree.commit({".gitlab-ci.yml": ci})
    options = ("-o", 'ci.variable="WHO=a pusher"', "-o", "ci.input=count=3")
    assert work_tree.push(*options, "HEAD:refs/heads/main").ok
    job = runner.take()
    assert job.variables["WHO"] == "a pusher"
    assert job.payload["steps"][0]["script"] == ["make 3"]
    number = project.pipeline()["id"]
    given = project.root.get(f"projects/{project.id}/pipelines/{number}/variables")
    assert given == [{"key": "WHO", "value": "a pusher", "variable_type": "env_var", "raw": False}]


def test_variables_of_a_push_take_the_role_that_the_project_asks_for(
    project: Project, tmp_path: Path
) -> None:
    setting = {"ci_pipeline_variables_minimum_override_role": "maintainer"}
    project.root.put(f"projects/{project.id}", setting)
    tree = project.work_tree(tmp_path / "theirs", project.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": TWO})
    pushed = tree.push("-o", "ci.variable=A=1", "HEAD:refs/heads/topic")
    assert pushed.ok
    assert "No pipeline for topic: Insufficient permissions to set pipeline variables" in pushed.said
    assert project.pipelines() == []


def test_an_option_that_is_not_known_is_told(work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": TWO})
    pushed = work_tree.push("-o", "ci.wiat", "HEAD:refs/heads/main")
    assert pushed.ok
    assert "The push option ci.wiat is not known" in pushed.said


def test_a_pipeline_that_was_not_made_is_told_with_the_rule(work_tree: WorkTree) -> None:
    pushed = work_tree.ship("workflow: {rules: [{if: $NEVER}]}\njob: {script: make}\n")
    lines = pushed.remote_lines()
    at = lines.index("No pipeline for main: Pipeline filtered out by workflow rules.")
    assert lines[at + 1] == "workflow: its only rule does not match"
