"""The life of a pipeline as its runners and its people move it on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import DEVELOPER, REPORTER, ZIP, Project, Runner, WorkTree, until

pytestmark = on_both_databases
STAGES = """\
stages: [build, test, deploy]
build:
  stage: build
  script: make
test:
  stage: test
  script: make test
deploy:
  stage: deploy
  script: make deploy
  when: manual
"""


def test_stages_follow_one_another(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(STAGES)
    assert project.statuses() == {"build": "pending", "test": "created", "deploy": "created"}
    build = runner.take()
    assert runner.request().status_code == 204
    assert project.pipeline()["status"] == "running"
    build.succeed()
    test = runner.take()
    assert test.name == "test"
    test.succeed()
    assert project.statuses() == {"build": "success", "test": "success", "deploy": "manual"}
    pipeline = project.pipeline()
    assert pipeline["status"] == "success"
    assert pipeline["finished_at"] is not None


def test_a_failed_job_keeps_the_stages_behind_it_from_running(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(STAGES)
    runner.take().fail()
    assert project.statuses() == {"build": "failed", "test": "skipped", "deploy": "skipped"}
    assert project.pipeline()["status"] == "failed"


def test_a_failure_that_is_allowed_does_not(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    ci = STAGES.replace("script: make\n", "script: make\n  allow_failure: {exit_codes: [42]}\n")
    work_tree.ship(ci)
    runner.take().fail(exit_code=42)
    assert project.jobs()["build"]["allow_failure"] is True
    assert runner.take().name == "test"
    work_tree.ship(ci)
    runner.take().fail(exit_code=41)
    assert project.jobs()["build"]["allow_failure"] is False
    assert project.statuses()["test"] == "skipped"


def test_a_manual_job_is_played_and_a_pipeline_goes_on(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(STAGES)
    for _ in range(2):
        runner.take().succeed()
    deploy = project.jobs()["deploy"]
    answer = project.act("play", deploy["id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert project.pipeline()["status"] == "running"
    runner.take().succeed()
    assert project.pipeline()["status"] == "success"
    assert project.act("play", deploy["id"]).status_code == 400


def test_a_manual_job_that_may_not_stay_undone_holds_up_what_is_behind_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "stages: [a, b]\n"
        "gate:\n  stage: a\n  script: echo\n  when: manual\n  allow_failure: false\n"
        "after:\n  stage: b\n  script: echo\n"
    )
    assert project.statuses() == {"gate": "manual", "after": "created"}
    assert project.pipeline()["status"] == "manual"
    project.act("play", project.jobs()["gate"]["id"])
    runner.take().succeed()
    assert runner.take().name == "after"


def test_what_needs_a_manual_job_is_skipped_until_somebody_starts_that(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "stages: [a, b, c]\n"
        "gate: {stage: a, script: echo, when: manual}\n"
        "needing: {stage: b, script: echo, needs: [gate]}\n"
        "after: {stage: c, script: echo}\n"
    )
    assert project.statuses() == {"gate": "manual", "needing": "skipped", "after": "pending"}
    runner.take().succeed()
    assert project.pipeline()["status"] == "success"
    project.act("play", project.jobs()["gate"]["id"])
    assert project.statuses() == {"gate": "pending", "needing": "created", "after": "success"}
    runner.take().succeed()
    assert runner.take().name == "needing"


@pytest.mark.parametrize("when", ["manual", "{when: delayed, start_in: 1 day}"])
def test_a_job_that_somebody_has_started_is_tried_again_by_itself(
    project: Project, work_tree: WorkTree, runner: Runner, when: str
) -> None:
    rule = when if when.startswith("{") else f"{{when: {when}}}"
    work_tree.ship(f"job: {{script: echo, retry: 1, rules: [{rule}]}}\n")
    first = project.jobs()["job"]["id"]
    assert runner.request().status_code == 204
    assert project.act("play", first).json()["status"] == "pending"
    runner.take().fail()
    assert project.statuses() == {"job": "pending"}
    again = runner.take()
    again.fail()
    assert project.statuses() == {"job": "failed"}
    assert project.act("retry", again.id).json()["status"] == "pending"
    runner.take().fail()
    # Who retries the whole pipeline has not started this job.
    retried = project.root.post(f"projects/{project.id}/pipelines/{project.pipeline()['id']}/retry")
    assert project.statuses() == {"job": "manual" if when == "manual" else "scheduled"}
    assert retried["status"] == project.statuses()["job"]


def test_a_job_is_played_once_however_many_play_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n  when: manual\n")
    job = project.jobs()["job"]["id"]
    with ThreadPoolExecutor(8) as pool:
        playing = [pool.submit(project.act, "play", job) for _ in range(8)]
        taken = until(runner.take_all, "the job is handed out")
        statuses = [play.result().status_code for play in playing]
    assert sorted(statuses) == [200, *[400] * 7]
    assert list(taken) == ["job"]
    assert runner.request().status_code == 204
    assert project.statuses() == {"job": "running"}


def test_a_delayed_job_starts_when_its_time_has_come(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n  when: delayed\n  start_in: 1 second\n")
    job = project.jobs()["job"]
    assert job["status"] in ("scheduled", "pending")
    answer = runner.request()
    while answer.status_code == 204:
        answer = runner.request(runner.last_update)
    assert answer.json()["job_info"]["name"] == "job"


def test_a_delayed_job_waits_for_its_time(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship("job:\n  script: echo\n  when: delayed\n  start_in: 1 day\n")
    assert project.statuses() == {"job": "scheduled"}
    assert project.pipeline()["status"] == "scheduled"
    assert runner.request().status_code == 204
    assert project.act("cancel", project.jobs()["job"]["id"]).json()["status"] == "canceled"
    assert project.pipeline()["status"] == "canceled"


def test_needs_start_a_job_before_its_stage(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(
        "stages: [a, b]\n"
        "quick:\n  stage: a\n  script: echo\n"
        "slow:\n  stage: a\n  script: echo\n"
        "next:\n  stage: b\n  script: echo\n  needs: [quick]\n"
        "last:\n  stage: b\n  script: echo\n"
    )
    taken = runner.take_all()
    assert set(taken) == {"quick", "slow"}
    taken["quick"].succeed()
    assert set(runner.take_all()) == {"next"}
    taken["slow"].succeed()
    assert set(runner.take_all()) == {"last"}


def test_artifacts_come_from_needs_dependencies_or_all_earlier_stages(
    work_tree: WorkTree, runner: Runner
) -> None:
    artifacts = "  artifacts: {paths: [out]}\n"
    work_tree.ship(
        "stages: [a, b]\n"
        f"one:\n  stage: a\n  script: echo\n{artifacts}"
        f"two:\n  stage: a\n  script: echo\n{artifacts}"
        "all:\n  stage: b\n  script: echo\n"
        "none:\n  stage: b\n  script: echo\n  dependencies: []\n"
        "some:\n  stage: b\n  script: echo\n  dependencies: [two]\n"
        "needing:\n  stage: b\n  script: echo\n  needs: [one, {job: two, artifacts: false}]\n"
    )
    for job in runner.take_all().values():
        assert job.upload(ZIP).status_code == 201
        job.succeed()
    got = {
        name: [dependency["name"] for dependency in job.payload["dependencies"]]
        for name, job in runner.take_all().items()
    }
    assert got == {"all": ["one", "two"], "none": [], "some": ["two"], "needing": ["one"]}


@pytest.mark.parametrize(("graceful", "told"), [(True, "canceling"), (False, "canceled")])
def test_a_cancelled_job_s_runner_is_told_at_its_next_word(
    project: Project, work_tree: WorkTree, runner: Runner, graceful: bool, told: str
) -> None:
    runner.features = {"cancel_gracefully": graceful}
    work_tree.ship("job:\n  script: echo\n")
    job = runner.take()
    answer = project.act("cancel", job.id)
    assert (answer.status_code, answer.json()["status"]) == (201, told)
    piece = job.trace(b"working")
    assert (piece.status_code, piece.headers["Job-Status"]) == (202 if graceful else 403, told)
    last = job.update("failed", failure_reason="job_canceled")
    assert (last.status_code, last.headers["Job-Status"]) == (200 if graceful else 403, "canceled")
    assert project.statuses() == {"job": "canceled"}
    assert project.pipeline()["status"] == "canceled"


def test_a_job_that_is_being_cancelled_cannot_succeed(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n")
    job = runner.take()
    project.act("cancel", job.id)
    job.succeed()
    assert project.statuses() == {"job": "canceled"}
    assert project.jobs()["job"]["status_reason"] == "somebody cancelled it"


def test_cancelling_a_pipeline_cancels_all_that_is_not_over(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(STAGES)
    runner.take().succeed()
    pipeline = project.root.post(f"projects/{project.id}/pipelines/{project.pipeline()['id']}/cancel")
    assert pipeline["status"] == "canceled"
    assert project.statuses() == {"build": "success", "test": "canceled", "deploy": "canceled"}
    assert runner.request().status_code == 204


def test_a_job_cancelled_while_it_ends_is_one_or_the_other(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    runner.features = {}
    work_tree.ship("".join(f"job{number}:\n  script: echo\n" for number in range(10)))
    jobs = runner.take_all()
    with ThreadPoolExecutor(4) as pool:
        cancelling = {name: pool.submit(project.act, "cancel", job.id) for name, job in jobs.items()}
        ending = {name: pool.submit(job.update, "success") for name, job in jobs.items()}
    for name, status in project.statuses().items():
        accepted = (cancelling[name].result().status_code, ending[name].result().status_code)
        assert accepted == {"success": (400, 200), "canceled": (201, 403)}[status]


def test_a_retry_is_another_attempt_and_brings_back_what_was_skipped(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(STAGES)
    first = runner.take()
    first.fail()
    answer = project.act("retry", first.id)
    assert answer.status_code == 201
    assert answer.json()["id"] != first.id
    assert project.statuses() == {"build": "pending", "test": "created", "deploy": "created"}
    assert project.pipeline()["status"] == "pending"
    second = runner.take()
    assert second.id == answer.json()["id"]
    assert second.token != first.token
    assert first.trace(b"more").status_code == 403
    second.succeed()
    assert runner.take().name == "test"
    all_attempts = project.root.get(
        f"projects/{project.id}/pipelines/{project.pipeline()['id']}/jobs?include_retried=true"
    )
    assert [job["name"] for job in all_attempts].count("build") == 2


def test_a_job_is_retried_once_however_many_ask(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n")
    job = runner.take()
    job.fail()
    with ThreadPoolExecutor(8) as pool:
        statuses = [one.status_code for one in pool.map(lambda _: project.act("retry", job.id), range(8))]
    assert sorted(statuses) == [201, *[403] * 7]
    assert set(runner.take_all()) == {"job"}


def test_a_job_that_is_not_over_cannot_be_retried(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n")
    assert project.act("retry", project.jobs()["job"]["id"]).status_code == 403
    assert project.act("retry", runner.take().id).status_code == 403
    assert project.statuses() == {"job": "running"}


def test_a_pipeline_s_retry_tries_all_that_failed_again(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("good:\n  script: echo\nbad:\n  script: echo\nworse:\n  script: echo\n")
    taken = runner.take_all()
    taken["good"].succeed()
    taken["bad"].fail()
    taken["worse"].fail()
    assert project.pipeline()["status"] == "failed"
    project.root.post(f"projects/{project.id}/pipelines/{project.pipeline()['id']}/retry")
    again = runner.take_all()
    assert set(again) == {"bad", "worse"}
    for job in again.values():
        job.succeed()
    assert project.pipeline()["status"] == "success"


def test_retry_in_the_configuration_tries_again_by_itself(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n  retry: {max: 1, when: script_failure}\n")
    runner.take().fail()
    assert project.pipeline()["status"] != "failed"
    runner.take().fail()
    assert runner.request().status_code == 204
    assert project.pipeline()["status"] == "failed"


def test_a_pipeline_can_be_run_for_a_branch(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    sha = work_tree.ship("job:\n  script: echo\n").sha
    made = project.root.post(f"projects/{project.id}/pipeline", {"ref": "main"})
    assert (made["source"], made["sha"], made["status"]) == ("api", sha, "pending")
    assert runner.take().variables["CI_PIPELINE_SOURCE"] == "push"
    assert runner.take().variables["CI_PIPELINE_SOURCE"] == "api"
    answer = project.root.call("POST", f"projects/{project.id}/pipeline", {"ref": "nowhere"})
    assert (answer.status_code, answer.json()) == (400, {"message": {"base": ["Reference not found"]}})


@pytest.mark.parametrize("action", ["cancel", "retry", "play"])
def test_whoever_may_not_push_may_not_act(
    project: Project, work_tree: WorkTree, runner: Runner, action: str
) -> None:
    work_tree.ship("job:\n  script: echo\n")
    job = runner.take()
    path = f"projects/{project.id}/jobs/{job.id}/{action}"
    assert project.add(REPORTER).call("POST", path).status_code == 403
    assert project.coordinator.user().call("POST", path).status_code == 404
    assert project.statuses() == {"job": "running"}
    assert (
        project.add(DEVELOPER).call("POST", path).status_code
        == {"cancel": 201, "retry": 403, "play": 400}[action]
    )


def test_protected_variables_are_withheld_from_unprotected_branches_and_the_log_says_so(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.protect("main")
    project.set_variable("DEPLOY_KEY", "a-secret-of-main", protected=True, masked=True)
    project.set_variable("OTHER_KEY", "another-secret", protected=True)
    project.set_variable("PLAIN", "for everybody")
    work_tree.ship("job:\n  script: echo\n", branch="topic")
    job = runner.take()
    assert job.variables["PLAIN"] == "for everybody"
    assert "a-secret-of-main" not in str(job.payload)
    assert "another-secret" not in str(job.payload)
    job.trace(b"working\n")
    notice, rest = project.trace(job.id).split("\n", 1)
    assert "Protected variables are not available here, because branch topic is not protected" in notice
    assert notice.endswith("DEPLOY_KEY, OTHER_KEY\x1b[0;m")
    assert rest == "working\n"
    # What the runner sends counts from its own first byte.
    assert job.trace(b"on", 8).headers["Range"] == "0-10"


def test_protected_variables_reach_protected_branches_as_secrets(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.protect("main")
    project.set_variable("DEPLOY_KEY", "a-secret-of-main", protected=True, masked=True)
    work_tree.ship("job:\n  script: echo\n")
    job = runner.take()
    found = {one["key"]: one for one in job.payload["variables"]}["DEPLOY_KEY"]
    assert (found["value"], found["masked"], found["public"]) == ("a-secret-of-main", True, False)
    assert project.trace(job.id) == ""


def test_a_variable_of_another_environment_is_not_given(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.set_variable("KEY", "for-production", environment_scope="production")
    work_tree.ship("job:\n  script: echo\n")
    assert "KEY" not in runner.take().variables
