"""CI lint over REST: GitLab's answers, as python-gitlab and others read them."""

from __future__ import annotations

from typing import Any

import gitlab
import httpx
import pytest
from tests.coordinator.server import DEVELOPER, GUEST, REPORTER, Project, WorkTree

CI = """\
stages: [build, test]
.base: {image: "python:3.12", tags: [docker]}
build: {stage: build, extends: .base, script: [make]}
unit:
  stage: test
  needs: [{job: build, artifacts: false}]
  before_script: [pip install .]
  script: [pytest]
tagged: {stage: test, script: [x], rules: [{if: $CI_COMMIT_TAG}]}
"""
TAGGED = "a: {script: [x], rules: [{if: $CI_COMMIT_TAG}]}\n"
NOTHING = (
    "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being "
    "added to the pipeline."
)


def lint(project: Project, content: str, **options: Any) -> dict[str, Any]:
    found = project.root.post(f"projects/{project.id}/ci/lint", {"content": content} | options)
    assert isinstance(found, dict)
    return found


def get(project: Project, **query: Any) -> httpx.Response:
    return project.root.call("GET", f"projects/{project.id}/ci/lint", params=query)


def test_a_valid_configuration_gives_merged_yaml_and_no_jobs_unless_asked(project: Project) -> None:
    found = lint(project, CI)
    assert {key: found[key] for key in ("valid", "errors", "warnings", "includes")} == {
        "valid": True,
        "errors": [],
        "warnings": [],
        "includes": [],
    }
    assert "build:\n  image: python:3.12\n" in found["merged_yaml"]
    assert "jobs" not in found


def test_jobs_are_told_as_gitlab_tells_them(project: Project) -> None:
    jobs = lint(project, CI, include_jobs=True)["jobs"]
    assert [job["name"] for job in jobs] == ["build", "unit"]
    assert jobs[0] == {
        "name": "build",
        "stage": "build",
        "before_script": [],
        "script": ["make"],
        "after_script": [],
        "tag_list": ["docker"],
        "environment": None,
        "when": "on_success",
        "allow_failure": False,
        "needs": None,
    }
    assert jobs[1]["needs"] == [{"name": "build", "artifacts": False, "optional": False}]


def test_errors_are_gitlabs_words_alone(project: Project) -> None:
    found = lint(project, "a: {scrip: x, script: y}\n")
    assert (found["valid"], found["errors"]) == (False, ["jobs:a config contains unknown keys: scrip"])


def test_a_dry_run_is_for_a_ref(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    work_tree.git("tag", "v1")
    assert work_tree.push("v1").ok
    assert lint(project, TAGGED)["valid"]
    on_branch = lint(project, TAGGED, dry_run=True)
    assert (on_branch["valid"], on_branch["errors"]) == (False, [NOTHING])
    assert lint(project, TAGGED, dry_run=True, ref="v1")["valid"]
    nowhere = lint(project, TAGGED, dry_run=True, ref="nowhere")
    assert (nowhere["valid"], nowhere["errors"]) == (False, ["Reference not found"])


def test_includes_come_from_the_projects_files(project: Project, work_tree: WorkTree) -> None:
    included = "include: ci/a.yml\n"
    assert lint(project, included)["errors"] == ["Local file `ci/a.yml` does not exist!"]
    work_tree.ship(CI, **{"ci/a.yml": "a: {script: x}\n"})
    assert lint(project, included)["valid"]


def test_the_committed_configuration_is_checked_at_any_ref(project: Project, work_tree: WorkTree) -> None:
    broken = work_tree.ship("a: {scrip: x}\n")
    work_tree.ship(CI)
    assert get(project).json()["valid"]
    assert not get(project, content_ref=broken.sha).json()["valid"]
    assert [job["name"] for job in get(project, include_jobs="true").json()["jobs"]] == ["build", "unit"]
    assert get(project, content_ref="nowhere").json() == {"message": "404 Commit Not Found"}


def test_a_commit_without_a_configuration_says_so(project: Project, work_tree: WorkTree) -> None:
    work_tree.commit({"README.md": "x"})
    work_tree.push()
    assert get(project).json()["errors"] == ["Please provide content of .gitlab-ci.yml"]


def test_an_empty_repository_has_nothing_to_check(project: Project) -> None:
    answer = get(project)
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Repository Not Found"})


@pytest.mark.parametrize(
    ("level", "reading", "writing"), [(GUEST, 403, 403), (REPORTER, 200, 403), (DEVELOPER, 200, 200)]
)
def test_who_may_read_code_may_get_and_who_may_push_may_post(
    project: Project, work_tree: WorkTree, level: int, reading: int, writing: int
) -> None:
    work_tree.ship(CI)
    member = project.add(level)
    path = f"projects/{project.id}/ci/lint"
    assert member.call("GET", path).status_code == reading
    assert member.call("POST", path, {"content": CI}).status_code == writing


def test_content_must_be_given(project: Project) -> None:
    assert project.root.call("POST", f"projects/{project.id}/ci/lint", {}).status_code == 400


def test_python_gitlab_reads_the_answers(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    with gitlab.Gitlab(project.coordinator.url, private_token=project.root.token) as client:
        found = client.projects.get(project.id)
        assert found.ci_lint.get(include_jobs=True).valid
        assert found.ci_lint.validate({"content": CI}) is None
        with pytest.raises(gitlab.exceptions.GitlabCiLintError):
            found.ci_lint.validate({"content": "a: 1"})
