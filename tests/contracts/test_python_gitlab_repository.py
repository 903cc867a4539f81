"""The real python-gitlab against a coordinator: what it reads and makes in a repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabCreateError, GitlabError, GitlabGetError
from tests.coordinator.server import Coordinator, Project, WorkTree, running

CI = "job: {script: echo}\n"
BINARY = bytes(range(256))


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@pytest.fixture(scope="module")
def client(coordinator: Coordinator) -> Iterator[gitlab.Gitlab]:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture(scope="module")
def work_tree(made: Project, tmp_path_factory: pytest.TempPathFactory) -> WorkTree:
    """Three commits on main, and one more on a branch that parted from the second."""
    tree = made.work_tree(tmp_path_factory.mktemp("tree") / "tree")
    tree.ship(CI, message="First\n\nWhy it was done.", **{"src/app.py": "one\ntwo\n", "a b/ü.txt": "ü"})
    (tree.folder / "binary").write_bytes(BINARY)
    (tree.folder / "run").write_text("#!/bin/sh\n")
    (tree.folder / "run").chmod(0o755)
    tree.ship(CI, message="Second", **{"src/app.py": "one\n2\n"})
    tree.git("checkout", "--quiet", "-b", "side")
    tree.ship(CI, branch="feature/side", message="Aside", **{"side.txt": "s\n"})
    tree.git("checkout", "--quiet", "main")
    tree.git("mv", "src/app.py", "src/main.py")
    tree.ship(CI, message="Third")
    return tree


@pytest.fixture(scope="module")
def project(client: gitlab.Gitlab, made: Project, work_tree: WorkTree) -> Any:
    return client.projects.get(made.id)


def test_the_tree_is_listed_folder_by_folder_or_whole(project: Any) -> None:
    top = project.repository_tree()
    assert [(one["type"], one["path"]) for one in top] == [
        ("tree", "a b"),
        ("tree", "src"),
        ("blob", ".gitlab-ci.yml"),
        ("blob", "binary"),
        ("blob", "run"),
    ]
    assert {one["path"]: one["mode"] for one in top}["run"] == "100755"
    assert [one["path"] for one in project.repository_tree(path="src")] == ["src/main.py"]
    assert [one["path"] for one in project.repository_tree(path="src", ref="feature/side")] == ["src/app.py"]
    everything = project.repository_tree(recursive=True, per_page=2, get_all=True)
    assert {one["path"] for one in everything if one["type"] == "blob"} == {
        ".gitlab-ci.yml",
        "a b/ü.txt",
        "binary",
        "run",
        "src/main.py",
    }
    with pytest.raises(GitlabGetError, match="404"):
        project.repository_tree(path="nowhere")
    with pytest.raises(GitlabGetError, match="404 Tree Not Found"):
        project.repository_tree(ref="nowhere")


def test_files_are_read_in_base64_and_raw(project: Any) -> None:
    file = project.files.get("src/main.py", ref="main")
    assert (file.decode(), file.size, file.file_name) == (b"one\n2\n", 6, "main.py")
    assert project.files.raw("src/main.py", ref="main") == b"one\n2\n"
    assert project.files.raw("a b/ü.txt", ref="feature/side").decode() == "ü"
    assert project.files.raw("binary", ref="main") == BINARY
    pieces: list[bytes] = []
    project.files.raw("binary", ref="main", streamed=True, action=pieces.append)
    assert b"".join(pieces) == BINARY
    headers = project.files.head("run", ref="main")
    assert (headers["X-Gitlab-Size"], headers["X-Gitlab-Execute-Filemode"]) == ("10", "true")
    assert project.repository_raw_blob(file.blob_id) == b"one\n2\n"
    assert project.repository_blob(file.blob_id)["size"] == 6
    for path, ref in (("nowhere", "main"), ("src", "main"), ("run", "nowhere")):
        with pytest.raises(GitlabGetError, match="404"):
            project.files.get(path, ref=ref)


def test_commits_are_listed_by_branch_path_author_and_time(project: Any) -> None:
    def titles(**asked: Any) -> list[str]:
        return [one.title for one in project.commits.list(get_all=True, **asked)]

    assert titles() == ["Third", "Second", "First"]
    assert titles(per_page=2) == ["Third", "Second", "First"]
    assert titles(ref_name="feature/side") == ["Aside", "Second", "First"]
    assert titles(ref_name="main..feature/side") == ["Aside"]
    # python-gitlab takes `path` by itself for its own.
    assert titles(query_parameters={"path": "src/app.py"}) == ["Third", "Second", "First"]
    assert titles(query_parameters={"path": "side.txt"}) == []
    assert titles(since="2999-01-01T00:00:00Z") == []
    assert titles(until="2001-01-01T00:00:00Z") == []
    assert titles(author="sam example") == ["Third", "Second", "First"]
    assert titles(author="nobody.*") == []
    with pytest.raises(GitlabError, match="404"):
        project.commits.list(ref_name="nowhere")


def test_a_commit_tells_its_message_pipeline_difference_and_refs(project: Any) -> None:
    found = {one.title: one for one in project.commits.list(all=True, get_all=True)}
    first = project.commits.get(found["First"].id)
    assert first.message == "First\n\nWhy it was done."
    assert (first.author_name, first.author_email) == ("Sam Example", "sam@example.com")
    assert first.parent_ids == []
    assert first.last_pipeline["sha"] == first.id
    second = project.commits.get("main~1")
    assert second.title == "Second"
    assert second.stats == {"additions": 2, "deletions": 1, "total": 3}
    differences = {one["new_path"]: one for one in second.diff(get_all=True)}
    assert differences["src/app.py"]["diff"] == "@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    assert (differences["run"]["new_file"], differences["run"]["b_mode"]) == (True, "100755")
    assert differences["binary"]["diff"] == ""
    (renamed,) = found["Third"].diff(get_all=True)
    assert (renamed["renamed_file"], renamed["old_path"], renamed["new_path"]) == (
        True,
        "src/app.py",
        "src/main.py",
    )
    assert [one["new_path"] for one in first.diff(get_all=True)] == [
        ".gitlab-ci.yml",
        "a b/ü.txt",
        "src/app.py",
    ]
    assert {(one["type"], one["name"]) for one in second.refs(get_all=True)} == {
        ("branch", "main"),
        ("branch", "feature/side"),
    }
    with pytest.raises(GitlabGetError, match="404 Commit Not Found"):
        project.commits.get("0" * 40)


def test_two_refs_are_compared_from_where_they_parted(project: Any) -> None:
    found = project.repository_compare("main", "feature/side")
    assert [one["title"] for one in found["commits"]] == ["Aside"]
    assert [one["new_path"] for one in found["diffs"]] == ["side.txt"]
    straight = project.repository_compare("main", "feature/side", straight=True)
    assert {one["new_path"] for one in straight["diffs"]} == {"side.txt", "src/app.py"}
    base = project.repository_merge_base(["main", "feature/side"])
    assert base["title"] == "Second"


def test_branches_are_made_found_and_deleted_and_have_pipelines(project: Any) -> None:
    created = project.branches.create({"branch": "fix/1", "ref": "feature/side"})
    assert created.commit["title"] == "Aside"
    assert project.pipelines.list(ref="fix/1")[0].sha == created.commit["id"]
    assert [one.name for one in project.branches.list(search="fix")] == ["fix/1"]
    assert [one.name for one in project.branches.list(search="^feat")] == ["feature/side"]
    assert project.branches.get("main").default is True
    for branch, ref, words in (
        ("fix/1", "main", "Branch already exists"),
        ("a b", "main", "Branch name is invalid"),
        ("x", "nowhere", "Invalid reference name"),
    ):
        with pytest.raises(GitlabCreateError, match=words):
            project.branches.create({"branch": branch, "ref": ref})
    project.branches.delete("fix/1")
    with pytest.raises(GitlabGetError, match="404 Branch Not Found"):
        project.branches.get("fix/1")


def test_tags_are_made_plain_and_annotated_and_deleted(project: Any) -> None:
    plain = project.tags.create({"tag_name": "v1", "ref": "main~1"})
    assert (plain.commit["title"], plain.message, plain.target) == ("Second", "", plain.commit["id"])
    noted = project.tags.create({"tag_name": "v2/rc", "ref": "main", "message": "Second release\n\nNew."})
    assert (noted.commit["title"], noted.message) == ("Third", "Second release\n\nNew.")
    assert noted.target != noted.commit["id"]
    assert project.pipelines.list(ref="v1")[0].tag is True
    assert {one.name for one in project.tags.list(get_all=True)} == {"v1", "v2/rc"}
    assert [one.name for one in project.tags.list(order_by="name", sort="asc", get_all=True)] == [
        "v1",
        "v2/rc",
    ]
    assert project.tags.get("v2/rc").protected is False
    with pytest.raises(GitlabCreateError, match="Tag v1 already exists"):
        project.tags.create({"tag_name": "v1", "ref": "main"})
    for name in ("v1", "v2/rc"):
        project.tags.delete(name)
    assert project.tags.list(get_all=True) == []


def test_other_systems_say_what_they_think_of_a_commit(project: Any) -> None:
    commit = project.commits.get("feature/side")
    commit.statuses.create({"state": "pending", "name": "scanner", "target_url": "https://example.com/1"})
    commit.statuses.create({"state": "success", "name": "scanner", "description": "No findings"})
    found = {one.name: one for one in commit.statuses.list(get_all=True)}
    assert (found["scanner"].status, found["scanner"].description) == ("success", "No findings")
    assert found["scanner"].ref == "feature/side"
    assert found["job"].status == "pending"
    assert [one.name for one in commit.statuses.list(name="job", ref="feature/side")] == ["job"]
    with pytest.raises(GitlabCreateError, match="400"):
        commit.statuses.create({"state": "great"})
    with pytest.raises(GitlabCreateError, match="400"):
        commit.statuses.create({"state": "success", "target_url": "javascript:alert(1)"})


def test_an_empty_repository_has_nothing(client: gitlab.Gitlab, coordinator: Coordinator) -> None:
    empty = client.projects.get(coordinator.project().id)
    assert empty.empty_repo is True
    assert empty.branches.list(get_all=True) == []
    for call in (empty.repository_tree, empty.commits.list):
        with pytest.raises(GitlabError, match="404"):
            call()


@pytest.mark.parametrize(
    "word", ["--output=/tmp/x", "-p", "--all", "main\n", "$(id)", "../..", "@{-1}", ":/First", "a\nb", "x\0"]
)
def test_a_ref_is_never_an_option_of_git_s(made: Project, work_tree: WorkTree, word: str) -> None:
    for path, asked in (
        ("commits", {"ref_name": word}),
        ("commits", {"path": word}),
        ("commits", {"author": word}),
        ("tree", {"ref": word}),
        ("tree", {"path": word}),
        ("compare", {"from": word, "to": "main"}),
        ("files/run", {"ref": word}),
        ("merge_base", {"refs[]": ["main", word]}),
    ):
        answer = made.root.call("GET", f"projects/{made.id}/repository/{path}", params=asked)
        assert answer.status_code in (200, 400, 404), (path, answer.text)
        assert answer.status_code != 200 or path == "commits" or word.strip() == "main", (path, answer.text)
