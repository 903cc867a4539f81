"""The real git against a coordinator: as people use it, and as a runner does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.coordinator.server import Coordinator, Project, WorkTree, git_environment, running

CI = "job:\n  script: echo\n"


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(project: Project, tmp_path: Path) -> WorkTree:
    return project.work_tree(tmp_path / "work-tree")


def git(project: Project, folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """git without any credentials but those in `environment`."""
    return subprocess.run(
        ["git", *words],
        cwd=folder,
        env=git_environment(project.git_url, "", "") | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def test_git_asks_for_credentials_and_clones_with_them(
    project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    sha = work_tree.ship(CI, **{"docs/hello.txt": "Hello"}).sha
    asking = tmp_path / "askpass"
    asking.write_text('#!/bin/sh\ncase "$1" in User*) echo root;; *) echo "$TOKEN";; esac\n')
    asking.chmod(0o700)
    credentials = {"GIT_ASKPASS": str(asking), "TOKEN": project.root.token}
    cloned = git(project, tmp_path, "clone", "--quiet", project.git_url, "clone", **credentials)
    assert cloned.returncode == 0, cloned.stdout
    assert (tmp_path / "clone" / "docs" / "hello.txt").read_text() == "Hello"
    head = git(project, tmp_path / "clone", "rev-parse", "--abbrev-ref", "HEAD").stdout.strip()
    assert head == "main"
    assert git(project, tmp_path / "clone", "rev-parse", "HEAD").stdout.strip() == sha
    refused = git(project, tmp_path, "clone", project.git_url, "again", **(credentials | {"TOKEN": "wrong"}))
    assert refused.returncode != 0
    assert "Authentication failed" in refused.stdout


def test_an_empty_project_can_be_cloned_and_pushed_to(project: Project, tmp_path: Path) -> None:
    tree = WorkTree(project, tmp_path, project.root)
    tree.git("clone", "--quiet", project.git_url, "clone")
    clone = WorkTree(project, tmp_path / "clone", project.root)
    clone.commit({".gitlab-ci.yml": CI})
    assert clone.push("HEAD:main").ok
    assert project.statuses() == {"job": "pending"}


def test_a_runner_fetches_the_pipeline_s_commit_by_depth(
    project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    shas = [work_tree.commit({".gitlab-ci.yml": CI, "n.txt": str(number)}) for number in range(5)]
    assert work_tree.push().ok
    payload = project.runner().take().payload["git_info"]
    folder = tmp_path / "builds"
    folder.mkdir()
    git(project, folder, "init", "--quiet")
    words = ["fetch", "--quiet", "--depth", "2", payload["repo_url"], *payload["refspecs"]]
    fetched = git(project, folder, *words)
    assert fetched.returncode == 0, fetched.stdout
    assert git(project, folder, "checkout", "--quiet", payload["sha"]).returncode == 0
    assert (folder / "n.txt").read_text() == "4"
    assert git(project, folder, "rev-list", "HEAD").stdout.split() == shas[:2:-1]
    assert git(project, folder, "rev-parse", "refs/remotes/origin/main").stdout.strip() == shas[4]


def test_a_pipeline_s_commit_can_be_fetched_when_its_branch_has_moved_or_gone(
    project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    first = work_tree.ship(CI, branch="topic", **{"a.txt": "1"})
    number = project.pipeline()["id"]
    work_tree.git("commit", "--quiet", "--amend", "--message", "Another")
    assert work_tree.push("--force", "HEAD:refs/heads/topic").ok
    assert work_tree.push("--delete", "topic").ok
    clone = project.work_tree(tmp_path / "builds")
    clone.git(
        "fetch", "--quiet", "--depth", "1", "origin", f"+refs/pipelines/{number}:refs/pipelines/{number}"
    )
    assert clone.git("rev-parse", f"refs/pipelines/{number}").stdout.strip() == first.sha


def test_a_clone_does_not_get_the_pipelines_refs(
    project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    work_tree.ship(CI)
    tree = WorkTree(project, tmp_path, project.root)
    tree.git("clone", "--quiet", project.git_url, "clone")
    refs = (
        WorkTree(project, tmp_path / "clone", project.root).git("for-each-ref", "--format=%(refname)").stdout
    )
    assert "refs/pipelines" not in refs


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_version_of_git_s_protocol_is_spoken(
    project: Project, work_tree: WorkTree, tmp_path: Path, version: str
) -> None:
    work_tree.ship(CI)
    clone = project.work_tree(tmp_path / "clone")
    clone.git("-c", f"protocol.version={version}", "fetch", "--quiet", "origin", "main")
    assert clone.git("rev-parse", "FETCH_HEAD").stdout == work_tree.git("rev-parse", "HEAD").stdout


def test_a_push_larger_than_git_s_buffer_arrives_whole(
    project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    # git sends more than http.postBuffer (1 MiB) in chunks, without a length; this is more than a small body.
    content = os.urandom(8 * 1024 * 1024)
    (work_tree.folder / "large.bin").write_bytes(content)
    work_tree.ship(CI)
    tree = WorkTree(project, tmp_path, project.root)
    tree.git("clone", "--quiet", project.git_url, "clone")
    assert (tmp_path / "clone" / "large.bin").read_bytes() == content


def test_a_clone_may_be_shallow_and_deepened(project: Project, work_tree: WorkTree, tmp_path: Path) -> None:
    for number in range(4):
        work_tree.commit({".gitlab-ci.yml": CI, "n.txt": str(number)})
    assert work_tree.push().ok
    tree = WorkTree(project, tmp_path, project.root)
    tree.git("clone", "--quiet", "--depth", "1", project.git_url, "clone")
    clone = WorkTree(project, tmp_path / "clone", project.root)
    assert clone.git("rev-list", "--count", "HEAD").stdout.strip() == "1"
    clone.git("fetch", "--quiet", "--unshallow")
    assert clone.git("rev-list", "--count", "HEAD").stdout.strip() == "4"


def test_push_options_are_taken_and_those_unknown_do_nothing(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    assert work_tree.push("--push-option", "ci.variable=A=1", "-o", "mr.create", "HEAD:refs/heads/main").ok
    assert len(project.pipelines()) == 1


def test_ls_remote_tells_the_refs(project: Project, work_tree: WorkTree) -> None:
    sha = work_tree.ship(CI).sha
    number = project.pipeline()["id"]
    told = dict(
        reversed(line.split("\t")) for line in work_tree.git("ls-remote", "origin").stdout.splitlines()
    )
    assert told == {"HEAD": sha, "refs/heads/main": sha, f"refs/pipelines/{number}": sha}


def test_an_atomic_push_is_taken(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    assert work_tree.push("--atomic", "HEAD:refs/heads/a", "HEAD:refs/heads/b").ok
    assert {pipeline["ref"] for pipeline in project.pipelines()} == {"a", "b"}
