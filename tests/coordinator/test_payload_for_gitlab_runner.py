"""What gitlab-runner leaves to the server, because GitLab's does it."""

from __future__ import annotations

import pytest
from tests.coordinator.server import Project, Runner, WorkTree


def test_variables_are_expanded_in_depth(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(
        "variables: {HOST: 'db-$REGION', REGION: eu}\n"
        "job:\n  variables: {URL: 'https://$HOST/$NOT_HERE'}\n  script: echo\n"
    )
    variables = runner.take().variables
    assert (variables["URL"], variables["HOST"]) == ("https://db-eu/$NOT_HERE", "db-eu")


BRANCH, TAG = "+refs/heads/main:refs/remotes/origin/main", "+refs/tags/v1:refs/tags/v1"
EVERYTHING = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]


@pytest.mark.parametrize(
    ("written", "depth", "refspecs"),
    [("3", 3, [BRANCH]), ("0", 0, EVERYTHING), ("all", 0, EVERYTHING), ("-1", 0, EVERYTHING)],
)
def test_git_depth_decides_what_is_fetched(
    project: Project, work_tree: WorkTree, runner: Runner, written: str, depth: int, refspecs: list[str]
) -> None:
    work_tree.ship(f"job:\n  variables: {{GIT_DEPTH: '{written}'}}\n  script: echo\n")
    told = runner.take().payload["git_info"]
    number = project.pipeline()["id"]
    pipeline = f"+refs/pipelines/{number}:refs/pipelines/{number}"
    assert (told["depth"], told["refspecs"]) == (depth, [pipeline, *refspecs])


def test_a_tag_s_job_fetches_the_tag(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.commit({".gitlab-ci.yml": "job:\n  script: echo\n"})
    work_tree.git("tag", "v1")
    assert work_tree.push("v1").ok
    told = runner.take().payload["git_info"]
    assert (told["depth"], told["refspecs"][1:]) == (20, [TAG])
