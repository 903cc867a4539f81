"""Files of a folder: none from outside of it, and what git tracks when git knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.sources.conftest import Work

from shipline.sources.folder import Folder
from shipline.sources.git import BLOB_LIMIT, repository_around, repository_at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.yml").write_text("secret")
    root = tmp_path / "project"
    (root / "ci").mkdir(parents=True)
    (root / "ci" / "a.yml").write_text("a")
    return root


def test_a_file_is_found_with_and_without_a_slash_in_front(folder: Path) -> None:
    assert Folder(folder).local("ci/a.yml") == b"a"
    assert Folder(folder).local("/ci/a.yml") == b"a"


@pytest.mark.parametrize(
    "path",
    ["../secret.yml", "ci/../../secret.yml", "/../secret.yml", "", "/", "ci", "ci/b.yml", "a\0b", "a" * 5000],
)
def test_nothing_is_there_outside_and_what_is_no_file(folder: Path, path: str) -> None:
    assert Folder(folder).local(path) is None


def test_links_lead_to_files_inside_only(folder: Path) -> None:
    (folder / "inside.yml").symlink_to("ci/a.yml")
    (folder / "outside.yml").symlink_to("../secret.yml")
    (folder / "absolute.yml").symlink_to(folder.parent / "secret.yml")
    (folder / "up").symlink_to("..")
    (folder / "round.yml").symlink_to("round.yml")
    found = Folder(folder)
    assert found.local("inside.yml") == b"a"
    assert [found.local(path) for path in ("outside.yml", "absolute.yml", "up/secret.yml", "round.yml")] == [
        None
    ] * 4


def test_a_pipe_is_no_file_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yml")
    assert Folder(folder).local("pipe.yml") is None


def test_a_file_that_is_far_too_large_is_not_there(folder: Path) -> None:
    with (folder / "large.yml").open("wb") as file:
        file.truncate(BLOB_LIMIT + 1)
    assert Folder(folder).local("large.yml") is None


def test_all_files_count_where_git_knows_nothing(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("")
    assert Folder(folder).tracked() == {"ci/a.yml"}


def test_tracked_files_are_told_from_the_folder_down(work: Work) -> None:
    work.commit(a_yml="a", sub__b_yml="b")
    (work.root / "sub" / "new.yml").write_text("")
    assert Folder(work.root).tracked() == {"a.yml", "sub/b.yml"}
    assert Folder(work.root / "sub").tracked() == {"b.yml"}


def test_the_files_that_were_named_are_the_tracked_ones(work: Work) -> None:
    assert Folder(work.root, frozenset({"x"})).tracked() == {"x"}


def test_branch_and_default_branch_are_read_from_gits_own_files(work: Work, tmp_path: Path) -> None:
    work.commit(a_yml="a")
    found = repository_at(work.root)
    assert found is not None
    assert (found.branch(), found.default_branch()) == ("main", None)
    work.git("checkout", "--quiet", "-b", "feature/x")
    assert found.branch() == "feature/x"
    work.git("checkout", "--quiet", "main")
    work.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    cloned = repository_around(tmp_path / "clone" / "sub")
    assert cloned is not None
    assert cloned.default_branch() == "main"


def test_another_work_tree_of_a_repository_has_its_own_branch(work: Work, tmp_path: Path) -> None:
    work.commit(a_yml="a")
    work.git("worktree", "add", "--quiet", "-b", "second", str(tmp_path / "second"))
    found = repository_at(tmp_path / "second")
    assert found is not None
    assert found.branch() == "second"
    assert Folder(tmp_path / "second").tracked() == {"a.yml"}


def test_a_name_that_is_not_utf8_is_told_as_git_tells_it(folder: Path, work: Work) -> None:
    for root in (folder, work.root):
        (root / os.fsdecode(b"caf\xe9.yml")).write_text("")
    work.git("add", ".")
    assert Folder(folder).tracked() == {"ci/a.yml", "caf\ufffd.yml"}
    assert Folder(work.root).tracked() == {"caf\ufffd.yml"}
