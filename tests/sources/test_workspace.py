"""Other projects, templates and components, from folders and repositories that were mapped."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources.conftest import Work

from shipline.compiler.sources import SourceError
from shipline.sources.folder import Folder
from shipline.sources.workspace import Elsewhere, Workspace


def workspace(projects: dict[str, Path] | None = None, templates: Path | None = None) -> Workspace:
    return Workspace(Folder(Path("/nonexistent")), Elsewhere(projects or {}, templates))


@pytest.fixture
def shared(work: Work) -> Work:
    """Three states: the tag 1.0.0, the branch main, and what is not committed."""
    work.commit(ci_yml="one", templates__lint_yml="lint 1.0.0")
    work.git("tag", "1.0.0")
    work.commit(ci_yml="two", templates__lint_yml="lint 1.1.0")
    work.git("tag", "v1.1.0")
    work.commit(ci_yml="three", templates__lint_yml="lint main", templates__test__template_yml="test main")
    (work.root / "ci.yml").write_text("not committed")
    return work


def test_without_a_ref_a_mapped_folder_is_taken_as_it_is(shared: Work) -> None:
    assert workspace({"group/ci": shared.root}).project("Group/CI", None).local("ci.yml") == b"not committed"


@pytest.mark.parametrize(("ref", "expected"), [("1.0.0", b"one"), ("v1.1.0", b"two"), ("main", b"three")])
def test_with_a_ref_a_mapped_repository_gives_the_file_of_that_ref(
    shared: Work, ref: str, expected: bytes
) -> None:
    found = workspace({"group/ci": shared.root}).project("group/ci", ref)
    assert found.local("ci.yml") == expected
    assert "templates/lint.yml" in found.tracked()
    assert found.local("nothing.yml") is None


def test_a_commit_id_is_a_ref_and_so_is_a_branch_that_only_origin_has(shared: Work, tmp_path: Path) -> None:
    shared.git("branch", "topic", "1.0.0")
    shared.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    found = workspace({"group/ci": tmp_path / "clone"})
    assert found.project("group/ci", "topic").local("ci.yml") == b"one"
    assert found.project("group/ci", shared.git("rev-parse", "1.0.0")).local("ci.yml") == b"one"


def test_a_bare_repository_gives_its_head(shared: Work, tmp_path: Path) -> None:
    shared.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    found = workspace({"group/ci": tmp_path / "bare"})
    assert found.project("group/ci", None).local("ci.yml") == b"three"


def test_a_folder_without_git_has_no_refs(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text("plain")
    assert workspace({"group/ci": tmp_path}).project("group/ci", "any").local("ci.yml") == b"plain"


def test_an_unknown_ref_is_told_in_gitlabs_words(shared: Work) -> None:
    for ref in ("nowhere", "--help", "main:ci.yml"):
        with pytest.raises(SourceError) as caught:
            workspace({"group/ci": shared.root}).project("group/ci", ref)
        assert caught.value.message == f"Project `group/ci` reference `{ref}` does not exist!"


def test_a_project_that_is_not_mapped_says_how_to_map_it() -> None:
    with pytest.raises(SourceError) as caught:
        workspace().project("group/ci", None)
    assert caught.value.message.startswith("Project `group/ci` not found or access denied!")
    assert caught.value.hint == "say where a copy of it lies: --project group/ci=DIR"


@pytest.mark.parametrize(
    ("version", "content", "release"),
    [
        ("1.0.0", b"lint 1.0.0", None),
        ("~latest", b"lint 1.1.0", "v1.1.0"),
        ("1", b"lint 1.1.0", "v1.1.0"),
        ("1.0", b"lint 1.0.0", "1.0.0"),
        ("main", b"lint main", None),
    ],
)
def test_a_component_is_found_at_its_version(
    shared: Work, version: str, content: bytes, release: str | None
) -> None:
    found = workspace({"group/ci": shared.root}).component("gitlab.com", "group/ci", "lint", version)
    assert (found.content, found.version, found.path) == (content, release, "templates/lint.yml")
    assert found.sha == shared.git("rev-parse", f"{release or version}^{{commit}}")


def test_a_component_may_be_a_folder_with_a_template(shared: Work) -> None:
    found = workspace({"group/ci": shared.root}).component("gitlab.com", "group/ci", "test", "main")
    assert (found.content, found.path) == (b"test main", "templates/test/template.yml")
    assert found.sources.local("ci.yml") == b"three"


@pytest.mark.parametrize("address", ["lint@2", "lint@nowhere", "nothing@main"])
def test_a_component_that_is_not_there_is_told_in_gitlabs_words(shared: Work, address: str) -> None:
    name, _, version = address.partition("@")
    with pytest.raises(SourceError) as caught:
        workspace({"group/ci": shared.root}).component("gitlab.com", "group/ci", name, version)
    assert caught.value.message == f"Component 'gitlab.com/group/ci/{address}' - content not found"


def test_templates_come_from_the_folder_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "Jobs").mkdir()
    (tmp_path / "Jobs" / "Build.gitlab-ci.yml").write_text("build")
    found = workspace(templates=tmp_path)
    assert found.template("Jobs/Build.gitlab-ci.yml") == b"build"
    assert found.template("Nothing.gitlab-ci.yml") is None


def test_without_templates_the_error_says_how_to_have_one() -> None:
    with pytest.raises(SourceError) as caught:
        workspace().template("Jobs/Build.gitlab-ci.yml")
    assert caught.value.message == "Template file `Jobs/Build.gitlab-ci.yml` is not a valid location!"
    assert "--templates DIR" in caught.value.hint


def test_remote_files_are_refused_from_private_addresses() -> None:
    with pytest.raises(SourceError) as caught:
        workspace().remote("https://127.0.0.1/a.yml")
    assert "Requests to the local network are not allowed" in caught.value.message
    assert caught.value.hint == "--allow-private permits it"
