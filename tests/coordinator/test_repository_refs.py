from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shipline.coordinator.repositories import Repositories, git_environment


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    """Project 1 with one commit on main, tagged 1.0.0."""
    found = Repositories(tmp_path)
    found.create(1, "main")
    author = {
        f"GIT_{role}_{what}": "ada@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }

    def git(*words: str) -> str:
        command = ["git", "--git-dir", str(found.path(1)), *words]
        return subprocess.run(
            command, env=git_environment() | author, check=True, capture_output=True, text=True, input=""
        ).stdout.strip()

    tree = git("mktree")
    commit = git("commit-tree", tree, "-m", "Begin")
    git("update-ref", "refs/heads/main", commit)
    git("tag", "1.0.0", commit)
    return found


@pytest.mark.parametrize("ref", ["HEAD", "main", "1.0.0", "refs/tags/1.0.0"])
def test_a_ref_stands_for_its_commit(repositories: Repositories, ref: str) -> None:
    sha = repositories.branches(1)["main"]
    assert repositories.resolve(1, ref) == sha
    assert repositories.resolve(1, sha) == sha


@pytest.mark.parametrize("ref", ["other", "--all", "main:x", "", "0" * 40])
def test_what_is_no_ref_stands_for_nothing(repositories: Repositories, ref: str) -> None:
    assert repositories.resolve(1, ref) is None


def test_tags_are_listed_by_their_names(repositories: Repositories) -> None:
    assert repositories.tags(1) == ["1.0.0"]
