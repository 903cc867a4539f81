"""Pushes: what comes of them, what git's user is told, and which are refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import DEVELOPER, MAINTAINER, REPORTER, Coordinator, Project, WorkTree

pytestmark = on_both_databases
CI = "job:\n  script: echo\n"
ZERO = "0" * 40


def test_a_push_creates_a_pipeline_and_tells_its_address(project: Project, work_tree: WorkTree) -> None:
    pushed = work_tree.ship(CI, message="Say hello\n\nAt length.")
    pipeline = project.pipeline()
    assert pipeline["sha"] == pushed.sha
    assert (pipeline["ref"], pipeline["status"], pipeline["source"]) == ("main", "pending", "push")
    assert pipeline["before_sha"] == ZERO
    assert pipeline["user"]["username"] == "root"
    url = f"{project.coordinator.url}/{project.path}/-/pipelines/{pipeline['id']}"
    assert pipeline["web_url"] == url
    assert f"Pipeline #{pipeline['id']} created for main: {url}" in pushed.remote_lines()


def test_the_second_push_knows_the_commit_before_it(project: Project, work_tree: WorkTree) -> None:
    first = work_tree.ship(CI)
    work_tree.ship(CI, **{"more.txt": "more"})
    assert [pipeline["before_sha"] for pipeline in project.pipelines()] == [first.sha, ZERO]
    assert [pipeline["iid"] for pipeline in project.pipelines()] == [2, 1]


@pytest.mark.parametrize("mark", ["[skip ci]", "[ci skip]", "[SKIP CI]"])
def test_a_commit_message_can_ask_for_no_pipeline(project: Project, work_tree: WorkTree, mark: str) -> None:
    pushed = work_tree.ship(CI, message=f"Words only {mark}")
    assert "No pipeline for main: the commit message says [skip ci]" in pushed.remote_lines()
    assert project.pipelines() == []


def test_the_push_option_ci_skip_asks_for_no_pipeline(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    pushed = work_tree.push("-o", "ci.skip", "HEAD:refs/heads/main")
    assert pushed.ok
    assert "No pipeline: ci.skip was asked for." in pushed.remote_lines()
    assert project.pipelines() == []


def test_workflow_rules_can_ask_for_no_pipeline(project: Project, work_tree: WorkTree) -> None:
    ci = "workflow:\n  rules:\n    - if: $CI_COMMIT_BRANCH == 'release'\n" + CI
    pushed = work_tree.ship(ci)
    assert "No pipeline for main: Pipeline filtered out by workflow rules." in pushed.remote_lines()
    assert project.pipelines() == []


def test_up_to_four_refs_in_one_push_get_a_pipeline_each(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    pushed = work_tree.push(*[f"HEAD:refs/heads/b{number}" for number in range(4)])
    assert {pipeline["ref"] for pipeline in project.pipelines()} == {"b0", "b1", "b2", "b3"}
    assert len([line for line in pushed.remote_lines() if "created for" in line]) == 4


def test_a_push_of_more_than_four_refs_gets_no_pipeline(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    pushed = work_tree.push(*[f"HEAD:refs/heads/b{number}" for number in range(5)])
    assert pushed.ok
    assert "No pipelines: more than 4 branches and tags in one push." in pushed.remote_lines()
    assert project.pipelines() == []


def test_deleting_a_branch_creates_no_pipeline(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI, branch="topic")
    pushed = work_tree.push("--delete", "topic")
    assert pushed.ok, pushed.said
    assert len(project.pipelines()) == 1
    assert project.root.get(f"projects/{project.id}/repository/branches") == []


def test_a_tag_gets_a_pipeline_of_its_own(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": "job:\n  script: echo\n  rules:\n    - if: $CI_COMMIT_TAG\n"})
    work_tree.git("tag", "--annotate", "--message", "The first", "v1.0")
    pushed = work_tree.push("HEAD:refs/heads/main", "v1.0")
    assert pushed.ok, pushed.said
    found = project.pipelines()
    assert [(one["ref"], one["tag"]) for one in found] == [("v1.0", True)]
    assert any("created for v1.0" in line for line in pushed.remote_lines())


def test_a_pipeline_of_a_tag_runs_the_commit_that_the_tag_points_at(
    project: Project, work_tree: WorkTree
) -> None:
    sha = work_tree.commit({".gitlab-ci.yml": CI})
    work_tree.git("tag", "--annotate", "--message", "The first", "v1.0")
    assert work_tree.push("v1.0").ok
    assert project.pipeline()["sha"] == sha
    payload = project.runner().take().payload
    assert payload["git_info"]["sha"] == sha
    assert payload["git_info"]["ref_type"] == "tag"
    assert payload["git_info"]["refspecs"][1] == "+refs/tags/v1.0:refs/tags/v1.0"


def test_a_tag_of_no_commit_gets_no_pipeline(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    work_tree.git("tag", "tree", "HEAD^{tree}")
    pushed = work_tree.push("tree")
    assert pushed.ok, pushed.said
    assert "No pipeline for tree: it points at no commit" in pushed.remote_lines()
    assert project.pipelines() == []


def test_nothing_but_branches_and_tags_can_be_pushed(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    pushed = work_tree.push("HEAD:refs/pipelines/1")
    assert not pushed.ok
    assert "refs/pipelines/1 is neither a branch nor a tag" in pushed.said


def test_a_developer_pushes_to_an_unprotected_branch_only(project: Project, tmp_path: Path) -> None:
    project.protect("main")
    tree = project.work_tree(tmp_path / "theirs", project.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": CI})
    refused = tree.push()
    assert not refused.ok
    assert "You are not allowed to push code to protected branches on this project." in refused.said
    assert project.pipelines() == []
    assert tree.push("HEAD:refs/heads/topic").ok
    assert project.pipeline()["ref"] == "topic"


def test_a_maintainer_pushes_to_a_protected_branch(project: Project, tmp_path: Path) -> None:
    project.protect("main")
    user = project.add(MAINTAINER)
    assert project.work_tree(tmp_path / "theirs", user).ship(CI).ok
    assert project.pipeline()["user"]["username"] == user.name


def test_a_protected_branch_may_be_named_by_a_wildcard(project: Project, tmp_path: Path) -> None:
    project.protect("release/*")
    tree = project.work_tree(tmp_path / "theirs", project.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": CI})
    assert not tree.push("HEAD:refs/heads/release/1.0").ok
    assert tree.push("HEAD:refs/heads/release-notes").ok


def test_one_refused_ref_refuses_the_whole_push(project: Project, tmp_path: Path) -> None:
    project.protect("main")
    tree = project.work_tree(tmp_path / "theirs", project.add(DEVELOPER))
    tree.commit({".gitlab-ci.yml": CI})
    assert not tree.push("HEAD:refs/heads/topic", "HEAD:refs/heads/main").ok
    assert project.root.get(f"projects/{project.id}/repository/branches") == []


def test_a_force_push_to_a_protected_branch_is_refused_even_for_an_administrator(
    project: Project, work_tree: WorkTree
) -> None:
    first = work_tree.ship(CI)
    work_tree.ship(CI, **{"a.txt": "a"})
    project.protect("main")
    work_tree.git("reset", "--quiet", "--hard", first.sha)
    work_tree.commit({"b.txt": "b"})
    refused = work_tree.push("--force", "HEAD:refs/heads/main")
    assert not refused.ok
    assert "You are not allowed to force push code to a protected branch" in refused.said
    assert len(project.pipelines()) == 2


def test_a_force_push_to_another_branch_is_accepted(project: Project, work_tree: WorkTree) -> None:
    first = work_tree.ship(CI, branch="topic")
    work_tree.ship(CI, branch="topic", **{"a.txt": "a"})
    work_tree.git("reset", "--quiet", "--hard", first.sha)
    sha = work_tree.commit({"b.txt": "b"})
    assert work_tree.push("--force", "HEAD:refs/heads/topic").ok
    assert project.pipeline()["sha"] == sha


def test_a_protected_branch_cannot_be_deleted_by_a_push(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI, branch="stable")
    project.protect("stable")
    refused = work_tree.push("--delete", "stable")
    assert not refused.ok
    assert "You can only delete protected branches using the web interface (stable)." in refused.said
    branches = project.root.get(f"projects/{project.id}/repository/branches")
    assert [branch["name"] for branch in branches] == ["stable"]


def test_a_protected_branch_is_protected_however_many_refs_are_pushed_with_it(
    project: Project, tmp_path: Path
) -> None:
    project.protect("main")
    tree = project.work_tree(tmp_path / "theirs", project.add(DEVELOPER))
    sha = tree.commit({".gitlab-ci.yml": CI})
    packed = subprocess.run(
        ["git", "pack-objects", "--stdout", "--revs", "--quiet"],
        cwd=tree.folder,
        input=f"{sha}\n".encode(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    # As bytes on the wire: git's own client takes most of a minute to say this much.
    names = [f"refs/heads/a{number:05}" for number in range(10_000)]
    lines = [f"{ZERO} {sha} {name}".encode() for name in (*names, "refs/heads/main")]
    lines[0] += b"\0report-status side-band-64k atomic"
    body = b"".join(b"%04x" % (len(line) + 4) + line for line in lines) + b"0000" + packed
    kind = "application/x-git-receive-pack-request"
    with project.coordinator.client(**{"Content-Type": kind}) as client:
        auth = (tree.user.name, tree.user.token)
        answer = client.post(f"/{project.path}.git/git-receive-pack", content=body, auth=auth)
    assert answer.status_code == 200
    assert b"a push may hold at most 10000 branches and tags" in answer.content
    assert b"ng refs/heads/main pre-receive hook declined" in answer.content
    assert project.root.get(f"projects/{project.id}/repository/branches") == []


def test_a_reporter_reads_but_does_not_push(project: Project, work_tree: WorkTree, tmp_path: Path) -> None:
    work_tree.ship(CI)
    theirs = project.work_tree(tmp_path / "theirs", project.add(REPORTER))
    theirs.git("fetch", "--quiet", "origin", "main")
    theirs.git("checkout", "--quiet", "FETCH_HEAD")
    refused = theirs.push("HEAD:refs/heads/topic")
    assert not refused.ok
    assert "You are not allowed to push code to this project." in refused.said


def test_a_commit_that_is_broken_is_refused(project: Project, work_tree: WorkTree) -> None:
    tree = work_tree.commit({"a.txt": "a"}) and work_tree.git("rev-parse", "HEAD^{tree}").stdout.strip()
    broken = work_tree.folder / "broken"
    broken.write_text(f"tree {tree}\nauthor nobody\ncommitter nobody\n\nBroken\n")
    sha = work_tree.git("hash-object", "-t", "commit", "--literally", "-w", str(broken)).stdout.strip()
    assert not work_tree.push(f"{sha}:refs/heads/broken").ok


def test_an_invalid_configuration_is_told_with_file_and_line(project: Project, work_tree: WorkTree) -> None:
    pushed = work_tree.ship("job:\n  script: echo\n  colour: red\nother:\n  stage: nowhere\n  script: echo\n")
    pipeline = project.pipeline()
    assert f"Pipeline #{pipeline['id']} failed: .gitlab-ci.yml is invalid" in pushed.remote_lines()
    assert pipeline["status"] == "failed"
    assert project.jobs() == {}
    for text in (pushed.said, pipeline["yaml_errors"]):
        assert ".gitlab-ci.yml:3" in text
        assert "colour" in text
        assert ".gitlab-ci.yml:5" in text
        assert "nowhere" in text


def test_many_errors_are_told_in_few_lines(work_tree: WorkTree) -> None:
    jobs = "".join(f"job{number}:\n  script: echo\n  colour: red\n" for number in range(40))
    lines = work_tree.ship(jobs).remote_lines()
    assert len([line for line in lines if "colour" in line]) == 30
    assert "... and 10 more" in lines


def test_a_commit_without_a_configuration_is_told_so(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({"README.md": "Hello"})
    pushed = work_tree.push()
    assert pushed.ok
    assert ".gitlab-ci.yml" in pushed.said
    assert "The file is not there" in pushed.said


def test_included_files_are_those_of_the_same_commit(project: Project, work_tree: WorkTree) -> None:
    ci = "include: /ci/jobs.yml\n"
    work_tree.ship(ci, **{"ci/jobs.yml": "first:\n  script: echo\n"})
    assert set(project.jobs()) == {"first"}
    work_tree.ship(ci, **{"ci/jobs.yml": "second:\n  script: echo\n"})
    assert set(project.jobs()) == {"second"}


def test_an_error_in_an_included_file_names_that_file(work_tree: WorkTree) -> None:
    pushed = work_tree.ship(
        "include: ci/jobs.yml\n", **{"ci/jobs.yml": "job:\n  script: echo\n  colour: red\n"}
    )
    assert "ci/jobs.yml:3" in pushed.said


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1/x.yml", "https://localhost/x.yml", "http://192.0.2.1/x.yml"]
)
def test_a_remote_file_is_never_asked_of_this_machine_or_its_network(
    work_tree: WorkTree, address: str
) -> None:
    pushed = work_tree.ship(f"include: {{remote: '{address}'}}\njob: {{script: make}}\n")
    assert ".gitlab-ci.yml:1: Remote file could not be fetched because URL is blocked" in pushed.said


def test_an_included_file_that_is_not_there_is_told_with_the_line_that_asks_for_it(
    work_tree: WorkTree,
) -> None:
    pushed = work_tree.ship("job:\n  script: echo\ninclude:\n  - local: nowhere.yml\n")
    assert ".gitlab-ci.yml:4" in pushed.said
    assert "`nowhere.yml` does not exist" in pushed.said


def test_rules_changes_compares_with_another_branch(project: Project, work_tree: WorkTree) -> None:
    rule = "  rules:\n    - changes: {paths: ['docs/*'], compare_to: main}\n"
    ci = f"docs:\n  script: echo\n{rule}always:\n  script: echo\n"
    work_tree.ship(ci, **{"docs/a.md": "a"})
    work_tree.ship(ci, branch="feature", **{"docs/b.md": "b"})
    work_tree.ship(ci, branch="feature", **{"src/c.py": "c"})
    assert set(project.statuses()) == {"docs", "always"}
    work_tree.push("HEAD:refs/heads/main")
    work_tree.ship(ci, branch="feature", **{"src/d.py": "d"})
    assert set(project.statuses()) == {"always"}


def test_rules_changes_with_a_ref_that_is_not_there_fails_the_pipeline(
    project: Project, work_tree: WorkTree
) -> None:
    rule = "  rules:\n    - changes: {paths: ['docs/*'], compare_to: nowhere}\n"
    work_tree.ship(f"docs:\n  script: echo\n{rule}")
    assert "rules:changes:compare_to is not a valid ref" in str(project.pipeline())


def test_rules_see_who_pushed(project: Project, work_tree: WorkTree) -> None:
    name = work_tree.user.name
    rules = f"  rules:\n    - if: $GITLAB_USER_LOGIN == '{name}'\n"
    work_tree.ship(f"mine:\n  script: echo\n{rules}")
    assert set(project.statuses()) == {"mine"}


def test_rules_changes_sees_what_the_push_has_changed(project: Project, work_tree: WorkTree) -> None:
    ci = "docs:\n  script: echo\n  rules:\n    - changes: ['docs/*']\ncode:\n  script: echo\n"
    work_tree.ship(ci)
    work_tree.ship(ci, **{"code.py": "1"})
    assert set(project.jobs()) == {"code"}
    work_tree.ship(ci, **{"docs/a.md": "1"})
    assert set(project.jobs()) == {"code", "docs"}


def test_the_hooks_address_answers_only_to_a_push_that_is_under_way(coordinator: Coordinator) -> None:
    body = {"updates": [[ZERO, "1" * 40, "refs/heads/main"]], "options": [], "environment": {}}
    with coordinator.client() as client:
        for token in ("", "wrong"):
            answer = client.post("/-/internal/hooks/pre-receive", json=body, headers={"X-Hook-Token": token})
            assert answer.status_code == 403
