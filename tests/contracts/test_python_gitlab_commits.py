"""Files and commits written by python-gitlab: each is a push, by the rules of pushes and with their pipelines."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabCreateError, GitlabDeleteError, GitlabUpdateError
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import DEVELOPER, MAINTAINER, REPORTER, Coordinator, Project, User, running

pytestmark = on_both_databases
CI = "job:\n  script: echo\n"


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def project(made: Project) -> Iterator[Any]:
    with gitlab.Gitlab(made.coordinator.url, private_token=made.root.token) as client:
        yield client.projects.get(made.id)


def as_user(made: Project, user: User) -> Any:
    return gitlab.Gitlab(made.coordinator.url, private_token=user.token).projects.get(made.id)


def write(project: Any, path: str, content: str, branch: str = "main", **more: Any) -> Any:
    body = {"file_path": path, "branch": branch, "content": content, "commit_message": f"Write {path}"}
    return project.files.create(body | more)


def test_a_project_is_begun_changed_and_cleaned_up_file_by_file(made: Project, project: Any) -> None:
    first = write(project, ".gitlab-ci.yml", CI)
    assert (first.file_path, first.branch) == (".gitlab-ci.yml", "main")
    pipeline = made.pipeline()
    assert (pipeline["source"], pipeline["ref"], pipeline["status"]) == ("push", "main", "pending")
    assert pipeline["sha"] == project.branches.get("main").commit["id"]

    file = write(project, "src/a b/ü.txt", "one\n", execute_filemode=True)
    file.content = "two\n"
    file.save(branch="main", commit_message="Change it")
    found = project.files.get("src/a b/ü.txt", ref="main")
    assert (found.decode(), found.execute_filemode) == (b"two\n", True)
    found.delete(branch="main", commit_message="Remove it")
    assert [one["path"] for one in project.repository_tree(recursive=True)] == [".gitlab-ci.yml"]
    titles = [one.title for one in project.commits.list(get_all=True)]
    assert titles == ["Remove it", "Change it", "Write src/a b/ü.txt", "Write .gitlab-ci.yml"]
    assert len(made.pipelines()) == 4


def test_bytes_go_in_as_base64_and_the_author_may_be_another(project: Any) -> None:
    content = bytes(range(256))
    more = {"encoding": "base64", "author_name": "Ada Lovelace", "author_email": "ada@example.com"}
    write(project, "binary", base64.b64encode(content).decode(), **more)
    assert project.files.get("binary", ref="main").decode() == content
    commit = project.commits.get("main")
    assert (commit.author_name, commit.author_email) == ("Ada Lovelace", "ada@example.com")
    assert commit.committer_name == "Administrator"


def test_several_files_are_changed_in_one_commit(made: Project, project: Any) -> None:
    write(project, ".gitlab-ci.yml", CI)
    write(project, "old.txt", "old\n")
    write(project, "gone.txt", "gone\n")
    commit = project.commits.create(
        {
            "branch": "feature/x",
            "start_branch": "main",
            "commit_message": "All at once\n\nand why",
            "actions": [
                {"action": "create", "file_path": "new.txt", "content": "new\n"},
                {"action": "move", "file_path": "dir/moved.txt", "previous_path": "old.txt"},
                {"action": "delete", "file_path": "gone.txt"},
                {"action": "update", "file_path": ".gitlab-ci.yml", "content": CI + "# changed\n"},
                {"action": "chmod", "file_path": ".gitlab-ci.yml", "execute_filemode": True},
            ],
        }
    )
    assert (commit.title, commit.message) == ("All at once", "All at once\n\nand why")
    assert commit.stats["total"] > 0
    assert commit.parent_ids == [project.branches.get("main").commit["id"]]
    tree = {one["path"]: one["mode"] for one in project.repository_tree(ref="feature/x", recursive=True)}
    files = {path: mode for path, mode in tree.items() if mode != "040000"}
    assert files == {".gitlab-ci.yml": "100755", "dir/moved.txt": "100644", "new.txt": "100644"}
    assert (made.pipeline()["ref"], made.pipeline()["sha"]) == ("feature/x", commit.id)
    # git itself finds nothing wrong with it.
    repository = made.coordinator.data.coordinator / "repositories" / f"{made.id}.git"
    ended = made.work_tree(repository.parent.parent / f"check{made.id}").git(
        "--git-dir", str(repository), "-c", "safe.directory=*", "fsck", "--strict"
    )
    assert "error" not in ended.stdout


def test_what_cannot_be_is_refused_in_gitlab_s_words(project: Any) -> None:
    write(project, "a.txt", "a")
    with pytest.raises(GitlabCreateError, match="A file with this name already exists") as error:
        write(project, "a.txt", "a")
    assert error.value.response_code == 400
    for branch in ("none", "a b", "x..y", "-x", "x.lock"):
        with pytest.raises(GitlabCreateError) as error:
            write(project, "b.txt", "b", branch)
        assert error.value.response_code == 400
    with pytest.raises(GitlabUpdateError, match="doesn't exist"):
        project.files.update("none.txt", {"branch": "main", "content": "", "commit_message": "m"})
    with pytest.raises(GitlabDeleteError, match="doesn't exist"):
        project.files.delete("none.txt", branch="main", commit_message="m")
    with pytest.raises(GitlabCreateError, match="base64"):
        write(project, "c.txt", "no base64!", encoding="base64")
    project.branches.create({"branch": "other", "ref": "main"})
    with pytest.raises(GitlabCreateError, match="already exists"):
        write(project, "d.txt", "d", "main", start_branch="other")
    with pytest.raises(GitlabCreateError, match="author_name is no name"):
        write(project, "e.txt", "e", author_name="<>")
    assert len(project.commits.list(get_all=True)) == 1


def test_a_path_that_leaves_the_tree_or_lies_in_git_s_own_is_refused(made: Project, project: Any) -> None:
    write(project, "a.txt", "a")
    bad = (
        "../a",
        "a/../../b",
        ".git/config",
        "x/.GIT/hooks/update",
        "/etc/passwd",
        "git~1",
        "a.txt/in",
        "a//b",
    )
    for path in bad:
        body = {
            "branch": "main",
            "commit_message": "m",
            "actions": [{"action": "create", "file_path": path, "content": "x"}],
        }
        with pytest.raises(GitlabCreateError) as error:
            project.commits.create(body)
        assert error.value.response_code == 400, path
        with pytest.raises(GitlabCreateError):
            write(project, path, "x")
    assert len(project.commits.list(get_all=True)) == 1


def test_a_file_that_somebody_else_has_changed_meanwhile_is_left_alone(project: Any) -> None:
    write(project, "a.txt", "one")
    seen = project.files.get("a.txt", ref="main")
    write(project, "other.txt", "x")
    project.files.update(
        "a.txt",
        {"branch": "main", "content": "two", "commit_message": "m", "last_commit_id": seen.last_commit_id},
    )
    with pytest.raises(GitlabUpdateError, match="has changed since"):
        project.files.update(
            "a.txt",
            {
                "branch": "main",
                "content": "three",
                "commit_message": "m",
                "last_commit_id": seen.last_commit_id,
            },
        )


def test_who_may_not_push_there_may_not_commit_there(made: Project, project: Any) -> None:
    write(project, "a.txt", "a")
    made.protect("main")
    made.protect("stable*")
    developer, maintainer, reporter = (
        as_user(made, made.add(level)) for level in (DEVELOPER, MAINTAINER, REPORTER)
    )
    for branch, more in (("main", {}), ("stable-1", {"start_branch": "main"})):
        with pytest.raises(GitlabCreateError, match="not allowed to push into this branch") as error:
            write(developer, "b.txt", "b", branch, **more)
        assert error.value.response_code == 403
    with pytest.raises(GitlabCreateError) as error:
        write(reporter, "b.txt", "b", "mine", start_branch="main")
    assert error.value.response_code == 403
    write(developer, "b.txt", "b", "mine", start_branch="main")
    write(maintainer, "c.txt", "c")
    # Nor leave behind what is there.
    body = {"branch": "main", "start_branch": "mine", "force": True, "commit_message": "m", "actions": []}
    with pytest.raises(GitlabCreateError) as error:
        maintainer.commits.create(body)
    assert error.value.response_code == 403
    with made.coordinator.client() as client:
        path = f"/api/v4/projects/{made.id}/repository/files/x"
        sent = {"branch": "main", "content": "", "commit_message": "m"}
        assert client.post(path, json=sent).status_code == 401


def test_a_commit_may_leave_behind_what_was_there_when_it_is_forced(made: Project, project: Any) -> None:
    write(project, "a.txt", "a")
    write(project, "b.txt", "b", "side", start_branch="main")
    begun = project.branches.get("main").commit["id"]
    body = {"branch": "side", "start_sha": begun, "commit_message": "Anew", "actions": []}
    with pytest.raises(GitlabCreateError, match="already exists"):
        project.commits.create(body)
    commit = project.commits.create(body | {"force": True})
    assert commit.parent_ids == [begun]
    assert [one["path"] for one in project.repository_tree(ref="side")] == ["a.txt"]


def test_of_two_who_commit_at_once_one_may_be_refused_and_nothing_is_lost(
    made: Project, project: Any
) -> None:
    write(project, "a.txt", "a")

    def one(number: int) -> bool:
        body = {"branch": "main", "content": str(number), "commit_message": f"Number {number}"}
        answer = made.root.call("POST", f"projects/{made.id}/repository/files/n{number}", body)
        assert answer.status_code in (201, 400), answer.text
        return answer.status_code == 201

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(one, range(18)))
    there = {item["path"] for item in project.repository_tree(per_page=100)}
    assert there == {"a.txt", *(f"n{number}" for number, ok in enumerate(done) if ok)}
    assert any(done)


def test_a_delete_may_say_what_it_is_about_in_a_body(made: Project, project: Any) -> None:
    write(project, "a.txt", "a")
    write(project, "b.txt", "b")
    with made.coordinator.client(**{"PRIVATE-TOKEN": made.root.token}) as client:
        path = f"/api/v4/projects/{made.id}/repository/files/"
        said = {"branch": "main", "commit_message": "m"}
        assert client.request("DELETE", path + "a.txt", json=said).status_code == 204
        assert client.request("DELETE", path + "b.txt", data=said).status_code == 204
        answer = client.request("DELETE", path + "b.txt")
        assert (answer.status_code, answer.json()["message"]) == (400, "branch is missing")
    assert project.repository_tree() == []


def test_limits_bound_what_is_sent(made: Project, project: Any) -> None:
    large = "x" * (6 * 1024 * 1024)
    write(project, "large", large)
    assert project.files.get("large", ref="main").size == len(large)
    body = json.dumps({"branch": "main", "commit_message": "m", "content": large}).encode()
    for token, status in (("", 413), ("glpat-wrong", 413), (made.root.token, 413)):
        sent = body * (6 if token == made.root.token else 1)
        with made.coordinator.client(
            **{"PRIVATE-TOKEN": token, "Content-Type": "application/json"}
        ) as client:
            assert (
                client.post(f"/api/v4/projects/{made.id}/repository/files/y", content=sent).status_code
                == status
            )
    actions = [{"action": "create", "file_path": f"f{number}", "content": ""} for number in range(1001)]
    with pytest.raises(GitlabCreateError) as error:
        project.commits.create({"branch": "main", "commit_message": "m", "actions": actions})
    assert error.value.response_code == 400
    project.commits.create({"branch": "main", "commit_message": "m", "actions": actions[:300]})
    assert len(project.repository_tree(get_all=True)) == 301


def test_a_pipeline_of_a_commit_knows_what_it_changed(made: Project, project: Any, tmp_path: Path) -> None:
    ci = "always: {script: echo}\ndocs: {script: echo, rules: [{changes: [docs/**]}]}\n"
    write(project, ".gitlab-ci.yml", ci)
    write(project, "src/a", "a")
    assert set(made.jobs()) == {"always"}
    write(project, "docs/a", "a")
    assert set(made.jobs()) == {"always", "docs"}
    project.commits.create({"branch": "main", "commit_message": "Nothing [skip ci]", "actions": []})
    assert len(made.pipelines()) == 3
