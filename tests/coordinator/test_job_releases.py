"""Jobs with `release:`: the release is there when the job has succeeded, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import dotenv
from tests.coordinator.server import DEVELOPER, MAINTAINER, Project, Runner, WorkTree, zipped

pytestmark = on_both_databases

CI = """\
stages: [build, publish]
version:
  stage: build
  script: make
  rules: [{if: $CI_COMMIT_BRANCH}]
  artifacts: {reports: {dotenv: version.env}}
publish:
  stage: publish
  script: make publish
  rules: [{if: $CI_COMMIT_BRANCH}]
  release:
    tag_name: v$VERSION
    name: Release $VERSION
    description: Made by $CI_JOB_NAME of ${CI_COMMIT_SHORT_SHA}
    tag_message: Version $VERSION
    released_at: "2031-02-03T04:05:06Z"
    assets:
      links:
        - {name: app-$VERSION, url: "https://example.com/$VERSION/app", filepath: /bin/app, link_type: package}
on-tag: {stage: build, script: make, rules: [{if: $CI_COMMIT_TAG}]}
"""
PLAIN = """\
publish:
  script: make
  rules: [{if: $CI_COMMIT_BRANCH}]
  release: {tag_name: v1, description: %s}
"""


def releases(project: Project) -> list[dict[str, Any]]:
    return list(project.root.get(f"projects/{project.id}/releases"))


def test_the_release_and_its_tag_are_made_of_what_is_known_when_the_job_ends(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    sha = work_tree.ship(CI).sha
    version = runner.take()
    version.upload(dotenv("VERSION=1.2\n"), artifact_type="dotenv", artifact_format="gzip")
    version.succeed()
    job = runner.take()
    # The script is all that the runner does.
    assert [step["name"] for step in job.payload["steps"]] == ["script"]
    assert releases(project) == []
    job.succeed()
    assert project.jobs(job.payload["job_info"]["pipeline_id"])["publish"]["status"] == "success"
    (made,) = releases(project)
    assert (made["tag_name"], made["name"]) == ("v1.2", "Release 1.2")
    assert made["description"] == f"Made by publish of {sha[:8]}"
    assert (made["commit"]["id"], made["author"]["username"]) == (sha, "root")
    assert made["released_at"].startswith("2031-02-03T04:05:06")
    assert made["upcoming_release"] is True
    (link,) = made["assets"]["links"]
    assert (link["name"], link["url"]) == ("app-1.2", "https://example.com/1.2/app")
    assert link["direct_asset_url"].endswith(f"/projects/{project.id}/releases/v1.2/downloads/bin/app")
    assert "Release v1.2 was made." in project.trace(job.id)
    tag = project.root.get(f"projects/{project.id}/repository/tags/v1.2")
    assert (tag["message"], tag["release"]["tag_name"]) == ("Version 1.2", "v1.2")
    # A tag that is made so has a pipeline as any other has.
    assert (project.pipeline()["ref"], list(project.jobs())) == ("v1.2", ["on-tag"])
    work_tree.git("fetch", "--quiet", "--tags")
    assert work_tree.git("rev-parse", "v1.2^{commit}").stdout.strip() == sha


def test_a_tag_that_is_there_gets_the_release(project: Project, runner: Runner, tmp_path: Path) -> None:
    tree = project.work_tree(tmp_path / "tree")
    ci = "publish: {script: make, release: {tag_name: $CI_COMMIT_TAG, description: One}}\n"
    sha = tree.commit({".gitlab-ci.yml": ci})
    tree.git("tag", "v1")
    assert tree.push("v1").ok
    runner.take().succeed()
    (made,) = releases(project)
    assert (made["tag_name"], made["name"], made["commit"]["id"]) == ("v1", "v1", sha)


def test_a_description_may_be_a_file_of_the_job_or_of_the_repository(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(PLAIN % "./docs/notes.md", **{"docs/notes.md": "# From the repository\n"})
    runner.take().succeed()
    assert releases(project)[0]["description"] == "# From the repository\n"
    work_tree.ship((PLAIN % "docs/notes.md").replace("v1", "v2"))
    job = runner.take()
    job.upload(zipped(**{"docs/notes.md": "# From the job\n"}))
    job.succeed()
    assert releases(project)[0]["description"] == "# From the job\n"
    work_tree.ship((PLAIN % "docs/none.md").replace("v1", "v3"))
    runner.take().succeed()
    assert releases(project)[0]["description"] == "docs/none.md"


def test_a_job_that_fails_or_is_canceled_makes_no_release(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(PLAIN % "One")
    runner.take().fail()
    work_tree.ship(PLAIN % "One")
    runner.features["cancel_gracefully"] = True
    job = runner.take()
    assert project.act("cancel", job.id).status_code in (200, 201)
    job.update("success")
    assert project.jobs()["publish"]["status"] == "canceled"
    assert releases(project) == []
    assert project.root.get(f"projects/{project.id}/repository/tags") == []


def test_a_release_that_cannot_be_made_fails_the_job_and_its_log_says_why(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(PLAIN % "One")
    runner.take().succeed()
    work_tree.ship(PLAIN % "Two")
    job = runner.take()
    job.succeed()
    failed = project.jobs()["publish"]
    assert (failed["status"], failed["failure_reason"]) == ("failed", "script_failure")
    assert "the release of v1 is refused: Release already exists" in project.trace(job.id)
    assert [one["description"] for one in releases(project)] == ["One"]
    assert project.pipeline()["status"] == "failed"


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("{tag_name: $NOTHING, description: a}", "tag_name is empty"),
        ("{tag_name: 'a b', description: a}", "Tag name invalid"),
        ("{tag_name: v1, description: a, ref: nowhere}", "Target nowhere is invalid"),
        (
            "{tag_name: v1, description: a, assets: {links: [{name: a, url: 'javascript:b'}]}}",
            "Links url must be a valid address",
        ),
    ],
    ids=["no-tag", "tag", "ref", "link"],
)
def test_what_is_wrong_with_a_release_is_said_in_the_job_s_log(
    project: Project, work_tree: WorkTree, runner: Runner, release: str, words: str
) -> None:
    work_tree.ship(f"publish: {{script: make, release: {release}}}\n")
    job = runner.take()
    job.succeed()
    assert project.jobs()["publish"]["status"] == "failed"
    assert words in project.trace(job.id)
    assert project.root.get(f"projects/{project.id}/repository/tags") == []


def test_a_protected_tag_is_made_only_for_who_may_make_it(
    project: Project, runner: Runner, tmp_path: Path
) -> None:
    project.root.post(f"projects/{project.id}/protected_tags", {"name": "v*"})
    for number, (level, status) in enumerate(((DEVELOPER, "failed"), (MAINTAINER, "success"))):
        tree = project.work_tree(tmp_path / str(level), project.add(level))
        tree.ship(PLAIN % "One", branch=f"topic-{number}")
        pipeline = project.pipeline()["id"]
        runner.take().succeed()
        assert project.jobs(pipeline)["publish"]["status"] == status


def test_a_masked_value_is_in_no_notice(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    project.set_variable("SECRET", "not-for-anybody", masked=True)
    work_tree.ship("publish: {script: make, release: {tag_name: a b$SECRET, description: a}}\n")
    job = runner.take()
    job.succeed()
    log = project.trace(job.id)
    assert "[MASKED]" in log
    assert "not-for-anybody" not in log


def test_a_runner_that_says_twice_that_the_job_is_over_is_answered_and_there_is_one_release(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(PLAIN % "One")
    pipeline = project.pipeline()["id"]
    job = runner.take()
    assert job.update("success").status_code == 200
    assert job.update("success").status_code == 403
    assert project.jobs(pipeline)["publish"]["status"] == "success"
    assert len(releases(project)) == 1


def test_milestones_are_told_to_be_without_effect(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("publish: {script: make, release: {tag_name: v1, description: a, milestones: [m1]}}\n")
    pipeline = project.pipeline()["id"]
    job = runner.take()
    job.succeed()
    assert project.jobs(pipeline)["publish"]["status"] == "success"
    assert "Without effect here yet: release:milestones" in project.trace(job.id)


def test_a_script_may_make_the_release_itself_with_the_job_s_token(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    sha = work_tree.ship("publish: {script: make}\n").sha
    job = runner.take()
    address = f"{job.variables['CI_API_V4_URL']}/projects/{job.variables['CI_PROJECT_ID']}/releases"
    with project.coordinator.client(**{"JOB-TOKEN": job.token}) as client:
        made = client.post(address, json={"tag_name": "v1", "ref": sha, "description": "By hand"})
        assert made.status_code == 201, made.text
        assert client.get(f"{address}/v1").json()["author"]["username"] == "root"
        elsewhere = project.coordinator.project()
        other = f"/api/v4/projects/{elsewhere.id}/releases"
        assert client.post(other, json={"tag_name": "v1", "ref": "main"}).status_code == 404
    assert [one["description"] for one in releases(project)] == ["By hand"]
