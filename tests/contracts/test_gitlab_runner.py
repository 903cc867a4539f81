"""GitLab's own gitlab-runner with the shell executor: whole pipelines, from git push to the last status."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.gitlab_runner import (
    PIPELINE_SECONDS,
    OfficialRunner,
    finished,
    log_of,
    started,
    until_status,
    watching,
)
from tests.coordinator.server import Coordinator, Project, WorkTree, until

STAGES = """\
stages: [build, test, deploy]
default:
  before_script: [echo "before $CI_JOB_NAME"]
build:
  stage: build
  script:
    - mkdir -p dist
    - printf '#!/bin/sh\\necho built' > dist/app && chmod 755 dist/app
    - touch dist/rest.tmp
    - head -c 6000000 /dev/urandom > dist/large.bin && sha256sum dist/large.bin > dist/sums
    - echo "VERSION=1.2.3-$CI_PIPELINE_IID" > build.env
    - echo '<testsuites><testsuite name="a" tests="1"><testcase name="b"/></testsuite></testsuites>' > junit.xml
  artifacts:
    name: built-$CI_COMMIT_REF_SLUG
    paths: [dist/]
    exclude: [dist/*.tmp]
    expire_in: 1 day
    reports: {dotenv: build.env, junit: junit.xml}
test:
  stage: test
  script:
    - test "$(dist/app)" = built
    - test ! -e dist/rest.tmp
    - sha256sum --check dist/sums
    - test "$VERSION" = "1.2.3-$CI_PIPELINE_IID"
    - test "$CI_COMMIT_SHA" = "$(git rev-parse HEAD)"
  after_script: [echo "after $CI_JOB_STATUS"]
without:
  stage: test
  dependencies: []
  script: [test ! -e dist, test -z "$VERSION"]
deploy:
  stage: deploy
  script: [dist/app, 'echo "shipped $VERSION"']
"""


def test_stages_run_one_after_the_other_and_artifacts_reach_later_jobs(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship(STAGES)
    jobs = finished(project)
    assert {job["status"] for job in jobs.values()} == {"success"}
    assert jobs["build"]["finished_at"] < min(jobs["test"]["started_at"], jobs["without"]["started_at"])
    kinds = {one["file_type"]: one["file_format"] for one in jobs["build"]["artifacts"]}
    assert kinds == {"archive": "zip", "dotenv": "gzip", "junit": "gzip"}
    assert jobs["build"]["artifacts"][0]["filename"] == "built-main.zip"
    test = log_of(project, jobs["test"])
    assert "Running with gitlab-runner" in test
    assert "before test" in test
    assert "after success" in test
    assert "Job succeeded" in test
    assert "shipped 1.2.3-1" in log_of(project, jobs["deploy"])


# Of stage one, `slow` ends only when a job of stage two has run: both at once, and not stage by stage.
DAG = """\
stages: [one, two]
quick:
  stage: one
  script: [echo quick > quick.txt]
  artifacts: {paths: [quick.txt]}
slow:
  stage: one
  script:
    - echo slow > slow.txt
    - for i in $(seq 600); do test -e "$MEETING/here" && exit 0; sleep 0.1; done; exit 1
  artifacts: {paths: [slow.txt], when: always}
early:
  stage: two
  needs: [quick]
  script: [grep quick quick.txt, test ! -e slow.txt, touch "$MEETING/here"]
none:
  stage: two
  needs: [{job: quick, artifacts: false}, slow]
  script: [test ! -e quick.txt, grep slow slow.txt]
"""


def test_needs_run_beside_the_stage_before_two_jobs_at_once(
    project: Project, work_tree: WorkTree, manager: OfficialRunner, tmp_path: Path
) -> None:
    project.set_variable("MEETING", str(tmp_path))
    work_tree.ship(DAG)
    jobs = finished(project)
    assert jobs["early"]["finished_at"] < jobs["slow"]["finished_at"]


FAILURES = """\
stages: [one, two, three]
allowed:
  stage: one
  script: [exit 42]
  allow_failure: {exit_codes: [41, 42]}
again:
  stage: one
  script: [test -e "$MEETING/tried" && exit 0, touch "$MEETING/tried", exit 7]
  retry: {max: 2, exit_codes: [7]}
fails:
  stage: two
  script: [echo on its way, exit 3, echo never here]
  after_script: [echo "after $CI_JOB_STATUS"]
  artifacts: {paths: [.gitlab-ci.yml], when: on_failure}
  allow_failure: {exit_codes: [4]}
mends:
  stage: three
  when: on_failure
  script: [echo mended]
always:
  stage: three
  when: always
  script: [echo always]
ships:
  stage: three
  script: [echo shipped]
"""


def test_exit_codes_decide_what_may_fail_and_what_is_tried_again(
    project: Project, work_tree: WorkTree, manager: OfficialRunner, tmp_path: Path
) -> None:
    project.set_variable("MEETING", str(tmp_path))
    work_tree.ship(FAILURES)
    jobs = finished(project, "failed")
    told = {name: (job["status"], job["failure_reason"], job["exit_code"]) for name, job in jobs.items()}
    assert told == {
        "allowed": ("failed", "script_failure", 42),
        "again": ("success", None, None),
        "fails": ("failed", "script_failure", 3),
        "mends": ("success", None, None),
        "always": ("success", None, None),
        "ships": ("skipped", None, None),
    }
    assert (jobs["allowed"]["allow_failure"], jobs["fails"]["allow_failure"]) == (True, False)
    log = log_of(project, jobs["fails"])
    assert "after failed" in log
    assert "never here" not in log.replace("$ echo never here", "")
    assert "ERROR: Job failed: exit status 3" in log
    assert [one["file_type"] for one in jobs["fails"]["artifacts"]] == ["archive"]
    pipeline = project.pipeline()["id"]
    every = project.root.get(f"projects/{project.id}/pipelines/{pipeline}/jobs?include_retried=true")
    tries = [(job["status"], job["exit_code"]) for job in every if job["name"] == "again"]
    assert sorted(tries) == [("failed", 7), ("success", None)]


def test_a_job_that_is_cancelled_ends_and_its_runner_takes_the_next(
    coordinator: Coordinator, gitlab_runner_program: Path, tmp_path: Path
) -> None:
    project = coordinator.project(visibility="public")
    work_tree = project.work_tree(tmp_path / "work-tree")
    manager = OfficialRunner(gitlab_runner_program, tmp_path / "gitlab-runner")
    manager.configure(manager.shell(project.runner()))
    project.set_variable("MEETING", str(tmp_path))
    script = "[echo $$ > $MEETING/pid, while true; do echo on; sleep 1; done]"
    with started(manager):
        work_tree.ship(f"job:\n  script: {script}\n")
        job = until_status(project, "job", "running")
        with watching(project, job["id"]):
            pid = tmp_path / "pid"
            until(lambda: pid.exists() and pid.read_text().strip(), "the script runs", PIPELINE_SECONDS)
            assert project.act("cancel", job["id"]).status_code == 201
            assert finished(project, "canceled")["job"]["status"] == "canceled"
            process = Path(f"/proc/{pid.read_text().strip()}")
            until(lambda: not process.exists(), "the script is over", PIPELINE_SECONDS)
        work_tree.ship("next:\n  script: echo next\n")
        finished(project)


def test_a_log_of_several_megabytes_arrives_whole(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    # gitlab-runner sends a mebibyte at a time, and by default it cuts at four.
    line, lines = f"of a log that is long, ä, {'x' * 40}", 40_000
    script = f'for i in $(seq {lines}); do echo "line $i {line}"; done'
    work_tree.ship(
        f"long:\n  script:\n    - {script}\ncut:\n  script:\n    - head -c 3500000 /dev/zero | base64 -w 99\n"
    )
    jobs = finished(project)
    told = [found for found in project.trace(jobs["long"]["id"]).splitlines() if found.startswith("line ")]
    assert told == [f"line {i} {line}" for i in range(1, lines + 1)]
    sent = [found for found in manager.log.splitlines() if "Appending trace" in found]
    assert len(sent) > 6
    assert all("coordinator...ok" in found for found in sent)
    for job in jobs.values():
        size = len(project.root.call("GET", f"projects/{project.id}/jobs/{job['id']}/trace").content)
        assert f"bytesize={size} " in manager.log
    assert "exceeded limit of 4194304 bytes" in log_of(project, jobs["cut"])


def test_a_job_that_takes_longer_than_its_timeout_is_ended(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship("job:\n  timeout: 4 seconds\n  script: [echo here, sleep 600]\n")
    job = finished(project, "failed")["job"]
    assert (job["status"], job["failure_reason"]) == ("failed", "job_execution_timeout")
    assert "execution took longer than 4s seconds" in log_of(project, job)


WAITING = """\
stages: [one, two]
now: {stage: one, script: echo}
later: {stage: one, script: echo, when: delayed, start_in: 1 second}
by-hand: {stage: two, script: 'echo "by hand $CI_JOB_MANUAL"', when: manual, allow_failure: false}
last: {stage: two, script: echo, needs: [by-hand]}
"""


def test_a_delayed_job_starts_by_itself_and_a_manual_one_by_hand(
    project: Project, work_tree: WorkTree, manager: OfficialRunner
) -> None:
    work_tree.ship(WAITING)
    manual = until_status(project, "by-hand", "manual")
    until_status(project, "later", "success")
    assert project.statuses()["last"] == "created"
    assert project.act("play", manual["id"]).status_code == 200
    assert {job["status"] for job in finished(project).values()} == {"success"}
