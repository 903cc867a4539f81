"""GitLab's own gitlab-runner as a program: its commands, several runners in one manager, how it ends."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from tests.contracts.gitlab_runner import (
    PIPELINE_SECONDS,
    OfficialRunner,
    finished,
    log_of,
    started,
    until_status,
)
from tests.coordinator.server import Coordinator, Project, WorkTree, running, until

from shipline.config import Config, Runners

CI = "job:\n  script: echo here\n"


@pytest.fixture
def manager(gitlab_runner_program: Path, tmp_path: Path) -> OfficialRunner:
    return OfficialRunner(gitlab_runner_program, tmp_path / "gitlab-runner")


def registered(manager: OfficialRunner, project: Project, **options: object) -> int:
    """A runner that its administrator made here, and `register` wrote down there; answers its id."""
    runner = project.runner(**options)
    words = ["--non-interactive", "--url", runner.coordinator.url, "--token", runner.token]
    said = manager.verb("register", "-c", str(manager.config), *words, "--executor", "shell", "--name", "one")
    assert "Verifying runner... is valid" in said
    assert runner.token not in said
    return runner.id


def test_register_writes_a_config_with_which_it_runs_a_pipeline(
    manager: OfficialRunner, project: Project, work_tree: WorkTree
) -> None:
    number = registered(manager, project)
    assert [(one["name"], one["id"]) for one in manager.entries()] == [("one", number)]
    work_tree.ship(CI)
    with started(manager):
        finished(project)


def test_register_refuses_a_token_that_nobody_has_made(manager: OfficialRunner, project: Project) -> None:
    words = ["--non-interactive", "--url", project.coordinator.url, "--token", "glrt-not-one-of-ours"]
    said = manager.verb("register", "-c", str(manager.config), *words, "--executor", "shell", check=False)
    assert "Verifying runner... is not valid" in said


def test_register_with_a_registration_token_says_what_to_do_where_these_are_off(
    manager: OfficialRunner, project: Project
) -> None:
    words = [
        "--non-interactive",
        "--url",
        project.coordinator.url,
        "--registration-token",
        "GR1348941" + "x" * 20,
    ]
    said = manager.verb("register", "-c", str(manager.config), *words, "--executor", "shell", check=False)
    assert "410 Gone" in said


def test_register_makes_a_runner_by_a_registration_token_where_these_are_on(
    manager: OfficialRunner, tmp_path: Path
) -> None:
    settings = Config(runners=Runners(allow_registration_token=True))
    with running(tmp_path / "coordinator", settings) as coordinator:
        project = coordinator.project()
        token = project.root.post(f"projects/{project.id}/runners/reset_registration_token")["token"]
        words = ["--non-interactive", "--url", coordinator.url, "--registration-token", token]
        options = ["--executor", "shell", "--name", "old way", "--tag-list", "old,way"]
        manager.verb("register", "-c", str(manager.config), *words, *options)
        number = manager.entries()[0]["id"]
        assert project.root.get(f"runners/{number}")["tag_list"] == ["old", "way"]
        project.work_tree(tmp_path / "work-tree").ship("job:\n  tags: [way]\n  script: echo\n")
        with started(manager):
            finished(project)
        manager.verb("unregister", "-c", str(manager.config), "--all-runners")
        assert manager.entries() == []


def test_list_and_verify_tell_what_is_in_the_config(manager: OfficialRunner, project: Project) -> None:
    number = registered(manager, project)
    assert "one" in manager.verb("list", "-c", str(manager.config))
    assert "is valid" in manager.verb("verify", "-c", str(manager.config))
    assert project.root.call("DELETE", f"runners/{number}").status_code == 204
    assert "is not valid" in manager.verb("verify", "-c", str(manager.config), check=False)
    manager.verb("verify", "-c", str(manager.config), "--delete")
    assert manager.entries() == []


def test_a_token_is_reset_and_the_old_one_is_worth_nothing(
    manager: OfficialRunner, project: Project, work_tree: WorkTree
) -> None:
    registered(manager, project)
    before = manager.entries()[0]["token"]
    manager.verb("reset-token", "-c", str(manager.config), "--name", "one")
    after = manager.entries()[0]["token"]
    assert after.startswith("glrt-")
    assert after != before
    work_tree.ship(CI)
    with started(manager):
        finished(project)
    text = manager.config.read_text()
    manager.config.write_text(text.replace(after, before))
    assert "is not valid" in manager.verb("verify", "-c", str(manager.config), check=False)


def test_a_token_is_reset_by_an_administrator_as_well(manager: OfficialRunner, project: Project) -> None:
    registered(manager, project)
    before = manager.entries()[0]["token"]
    words = ["--name", "one", "--pat", project.root.token]
    manager.verb("reset-token", "-c", str(manager.config), *words)
    assert manager.entries()[0]["token"] != before
    assert "is valid" in manager.verb("verify", "-c", str(manager.config))


def test_unregister_takes_this_manager_away_and_leaves_the_runner_to_its_administrator(
    manager: OfficialRunner, project: Project
) -> None:
    number = registered(manager, project)
    manager.verb("unregister", "-c", str(manager.config), "--name", "one")
    assert manager.entries() == []
    assert project.root.get(f"runners/{number}")["id"] == number


def test_a_paused_runner_gets_nothing_until_it_is_none_any_more(
    manager: OfficialRunner, project: Project, work_tree: WorkTree
) -> None:
    runner = project.runner(paused=True)
    manager.configure(manager.shell(runner))
    work_tree.ship(CI)
    with started(manager):
        until(lambda: project.root.get(f"runners/{runner.id}")["contacted_at"], "it has asked")
        assert project.statuses() == {"job": "pending"}
        project.root.put(f"runners/{runner.id}", {"paused": False})
        finished(project)


TAGGED = """\
stages: [one, two]
both: {stage: one, tags: [docker, arm], script: 'echo "by $CI_RUNNER_DESCRIPTION"'}
docker: {stage: one, tags: [docker], script: 'echo "by $CI_RUNNER_DESCRIPTION"'}
none: {stage: one, script: 'echo "by $CI_RUNNER_DESCRIPTION"'}
last: {stage: two, tags: [docker, arm], script: 'echo "by $CI_RUNNER_DESCRIPTION"'}
"""


def test_tags_decide_which_runner_takes_a_job_even_one_job_at_a_time(
    manager: OfficialRunner, project: Project, work_tree: WorkTree
) -> None:
    """Both are asked for by one worker, in turn: while one waits for a job, nobody asks for the other."""
    arm = project.runner(description="arm", tag_list=["docker", "arm"], run_untagged=False)
    plain = project.runner(description="plain")
    manager.configure(manager.shell(arm, "arm"), manager.shell(plain, "plain"))
    with started(manager):
        work_tree.ship(TAGGED)
        jobs = finished(project)
    by = {name: re.findall(r"^by (.*)$", log_of(project, job), re.MULTILINE) for name, job in jobs.items()}
    assert by == {"both": ["arm"], "docker": ["arm"], "none": ["plain"], "last": ["arm"]}


def waits_for(project: Project, folder: Path) -> str:
    """A job that runs until the file `go` is there, and one for afterwards."""
    project.set_variable("MEETING", str(folder))
    script = 'for i in $(seq 600); do test -e "$MEETING/go" && exit 0; sleep 0.1; done; exit 1'
    return (
        f"stages: [one, two]\njob:\n  stage: one\n  script:\n    - touch $MEETING/runs\n    - {script}\n"
        "next:\n  stage: two\n  script: echo\n"
    )


def test_sigquit_lets_the_job_end_and_takes_no_other(
    manager: OfficialRunner, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    manager.configure(manager.shell(project.runner()))
    work_tree.ship(waits_for(project, tmp_path))
    with started(manager):
        until((tmp_path / "runs").exists, "the job runs", PIPELINE_SECONDS)
        manager.signal(signal.SIGQUIT)
        until(lambda: "Starting graceful shutdown" in manager.log, "it begins to end")
        (tmp_path / "go").touch()
        assert manager.wait() == 0
    assert project.statuses() == {"job": "success", "next": "pending"}


def test_sigterm_ends_the_job_as_a_failure_of_the_runner_which_is_tried_again(
    manager: OfficialRunner, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    manager.configure(manager.shell(project.runner()))
    work_tree.ship(waits_for(project, tmp_path) + "default: {retry: {max: 1, when: runner_system_failure}}\n")
    with started(manager):
        until((tmp_path / "runs").exists, "the job runs", PIPELINE_SECONDS)
        manager.signal(signal.SIGTERM)
        manager.wait()
    until_status(project, "job", "pending")
    (tmp_path / "go").touch()
    with started(manager):
        finished(project)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL])
def test_a_manager_that_goes_while_it_waits_takes_no_job_with_it(
    manager: OfficialRunner, project: Project, work_tree: WorkTree, number: signal.Signals
) -> None:
    manager.configure(manager.shell(project.runner()), log_level="debug")
    with started(manager):
        # The second request is the one that waits.
        until(lambda: manager.log.count("Acquiring request slot") > 1, "it waits")
        manager.signal(number)
        manager.wait()
    work_tree.ship(CI)
    with started(manager):
        finished(project)


def test_a_restart_of_the_coordinator_in_the_middle_of_a_job_is_not_noticed(
    own_coordinator: Coordinator, manager: OfficialRunner, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    manager.configure(manager.shell(project.runner()))
    with started(manager):
        project.work_tree(tmp_path / "work-tree").ship(waits_for(project, tmp_path))
        until((tmp_path / "runs").exists, "the job runs", PIPELINE_SECONDS)
        own_coordinator.end(signal.SIGKILL)
        (tmp_path / "go").touch()
        own_coordinator.start()
        finished(project)
