"""GitLab's own gitlab-runner with the shell executor: what a job is given, and what is taken from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.contracts.gitlab_runner import OfficialRunner, finished, log_of
from tests.coordinator.server import Project, WorkTree

VARIABLES = """\
variables:
  PLAIN: "it's"
  NESTED: "<$PLAIN>"
  RAW: {value: "a $PLAIN b", expand: false}
show:
  variables: {LEVEL: of $CI_JOB_NAME}
  script:
    - test "$NESTED" = "<it's>"
    - test "$RAW" = 'a $PLAIN b'
    - test "$LEVEL" = "of show"
    - |
      test "$(cat "$SETTINGS_FILE")" = '{"a": "$b"}'
    - test "$CI_COMMIT_REF_NAME" = "$BRANCH"
    - echo "secret=$SECRET token=$CI_JOB_TOKEN repository=$CI_REPOSITORY_URL"
    - echo "protected=[$PROTECTED]"
    - printf %s "$SECRET" | head -c 4; sleep 0.2; printf %s "$SECRET" | tail -c +5; echo
"""


@pytest.mark.parametrize(("branch", "shown"), [("main", "[given]"), ("topic", "[]")])
def test_variables_arrive_as_they_are_and_secrets_are_in_no_log(
    project: Project, work_tree: WorkTree, manager: OfficialRunner, branch: str, shown: str
) -> None:
    project.protect("main")
    project.set_variable("SECRET", "not-for-anybody-else", masked=True)
    project.set_variable("SETTINGS_FILE", '{"a": "$b"}', variable_type="file", raw=True)
    project.set_variable("PROTECTED", "given", protected=True)
    project.set_variable("BRANCH", branch)
    work_tree.ship(VARIABLES, branch=branch)
    log = log_of(project, finished(project)["show"])
    assert f"protected={shown}" in log
    assert "secret=[MASKED] token=[MASKED]" in log
    assert re.search(r"gl(cbt|pat|rt)-\w", log) is None
    # Piece by piece as well.
    assert "not-for-anybody-else" not in log
    assert ("Protected variables are not available here" in log) is (branch == "topic")


def test_a_tag_s_pipeline_and_a_second_fetch_work_in_the_same_folder(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship('job:\n  script: [test -z "$CI_COMMIT_TAG", touch left]\n')
    finished(project)
    work_tree.ship(
        "job:\n  variables: {GIT_CLEAN_FLAGS: none}\n"
        '  script: [test -e left, test "$CI_COMMIT_TAG" = v1, git describe --tags --exact-match]\n'
        "again:\n  stage: deploy\n  variables: {GIT_STRATEGY: clone}\n  script: test ! -e left\n"
    )
    finished(project, "failed")
    work_tree.git("tag", "v1")
    assert work_tree.push("v1").ok
    finished(project)
    assert project.pipeline()["ref"] == "v1"


def test_git_depth_is_what_the_job_says(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    for number in range(4):
        work_tree.commit({"n.txt": str(number)})
    assert work_tree.push("HEAD:refs/heads/other", "-o", "ci.skip").ok
    work_tree.ship(
        "two: {variables: {GIT_DEPTH: 2}, script: test $(git rev-list --count HEAD) = 2}\n"
        "all:\n  variables: {GIT_DEPTH: 0}\n"
        "  script: [test $(git rev-list --count HEAD) = 5, git rev-parse --verify origin/other]\n"
    )
    finished(project)


CACHED = """\
job:
  variables: {GIT_STRATEGY: clone}
  cache: {key: $CI_COMMIT_REF_SLUG, paths: [kept/], when: always}
  script:
    - if test -e kept/once; then echo "found $(cat kept/once)"; else echo "found nothing"; fi
    - mkdir -p kept && echo "of $CI_PIPELINE_IID" > kept/once
"""


def test_a_cache_is_there_in_the_next_pipeline_of_its_branch(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    found = []
    for branch in ("main", "main", "topic"):
        work_tree.ship(CACHED, branch=branch)
        found += re.findall(r"^found (.*)$", log_of(project, finished(project)["job"]), re.MULTILINE)
    assert found == ["nothing", "of 1", "nothing"]


REPORTS = """\
job:
  script:
    - mkdir -p a b
    - for one in a b; do echo "<testsuites/>" > $one/junit.xml; echo "<coverage/>" > $one/coverage.xml; done
    - for one in quality sast tfplan sbom.cdx; do echo "[]" > $one.json; done
  artifacts:
    reports:
      junit: "*/junit.xml"
      codequality: quality.json
      sast: sast.json
      terraform: tfplan.json
      cyclonedx: sbom.cdx.json
      coverage_report: {coverage_format: cobertura, path: "*/coverage.xml"}
"""


def test_reports_of_every_kind_are_taken_as_they_are_sent(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship(REPORTS)
    job = finished(project)["job"]
    assert {one["file_type"]: (one["file_format"], one["filename"]) for one in job["artifacts"]} == {
        "junit": ("gzip", "junit.xml.gz"),
        "codequality": ("raw", "gl-code-quality-report.json"),
        "sast": ("raw", "gl-sast-report.json"),
        "terraform": ("raw", "tfplan.json"),
        "cyclonedx": ("gzip", "gl-sbom.cdx.json.gz"),
        "cobertura": ("gzip", "cobertura-coverage.xml.gz"),
    }


HOOKED = """\
job:
  hooks: {pre_get_sources_script: [echo "before the sources"]}
  coverage: '/covered: (\\d+)%/'
  script: ['echo "covered: 87%"']
"""


def test_hooks_run_before_the_sources_and_coverage_is_read_from_the_log(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship(HOOKED)
    job = finished(project)["job"]
    log = log_of(project, job)
    assert log.index("\nbefore the sources") < log.index("Fetching changes")
    assert job["coverage"] == 87.0


DEPLOYS = """\
stages: [one]
.deploy: &deploy
  - if ! mkdir "$MEETING/only-one"; then exit 1; fi
  - sleep 1
  - rmdir "$MEETING/only-one"
  - echo "to $CI_ENVIRONMENT_NAME at $CI_ENVIRONMENT_URL by $KEY"
live:
  stage: one
  resource_group: production
  environment: {name: production, url: "https://$CI_PROJECT_NAME.example"}
  script: *deploy
review:
  stage: one
  resource_group: production
  environment: {name: review/$CI_COMMIT_REF_SLUG, url: "https://$CI_ENVIRONMENT_SLUG.example"}
  script: *deploy
"""


def test_jobs_of_environments_get_their_variables_and_one_resource_group_runs_one_at_a_time(
    project: Project, work_tree: WorkTree, manager: OfficialRunner, tmp_path: Path
) -> None:
    project.set_variable("MEETING", str(tmp_path))
    project.set_variable("KEY", "live-key", environment_scope="production")
    project.set_variable("KEY", "review-key", environment_scope="review/*")
    work_tree.ship(DEPLOYS)
    jobs = finished(project)
    name = project.path.rpartition("/")[2]
    assert f"to production at https://{name}.example by live-key" in log_of(project, jobs["live"])
    assert re.search(
        r"to review/main at https://review-main-\w+\.example by review-key", log_of(project, jobs["review"])
    )
    deployed = project.root.get(f"projects/{project.id}/deployments")
    assert [one["status"] for one in deployed] == ["success", "success"]
