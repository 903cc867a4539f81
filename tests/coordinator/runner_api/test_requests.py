"""jobs/request: which runner gets which job, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import (
    Coordinator,
    Project,
    Runner,
    WorkTree,
)

pytestmark = on_both_databases


def test_without_a_job_the_answer_is_204_with_the_queue_s_value(runner: Runner) -> None:
    answer = runner.request()
    assert answer.status_code == 204
    assert answer.headers["X-GitLab-Last-Update"]
    assert answer.content == b""


def test_an_unknown_runner_s_request_is_403(runner: Runner) -> None:
    stranger = Runner(runner.coordinator, 0, "glrt-wrong")
    assert stranger.request().status_code == 403


def test_a_request_is_no_larger_than_32_kib(runner: Runner) -> None:
    runner.features = {"x" * 33_000: True}
    assert runner.request().status_code == 413


def test_a_long_poll_is_answered_when_a_job_becomes_pending(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    runner.request()
    with ThreadPoolExecutor(1) as pool:

        def poll() -> httpx.Response:
            # Another's job may wake it: then it asks again, as runners do.
            answer = runner.request(runner.last_update)
            while answer.status_code == 204:
                answer = runner.request(runner.last_update)
            return answer

        polling = pool.submit(poll)
        assert work_tree.push().ok
        assert polling.result().status_code == 201


def test_many_requests_at_once_never_give_one_job_to_two(project: Project, work_tree: WorkTree) -> None:
    names = [f"job{number}" for number in range(24)]
    work_tree.ship("".join(f"{name}:\n  script: echo\n" for name in names))
    runners = [project.runner() for _ in range(8)]

    def take_until_none(runner: Runner) -> list[tuple[str, str]]:
        return [(name, job.token) for name, job in runner.take_all().items()]

    with ThreadPoolExecutor(len(runners)) as pool:
        taken = [pair for found in pool.map(take_until_none, runners) for pair in found]
    assert sorted(name for name, _ in taken) == sorted(names)
    assert len({token for _, token in taken}) == len(names)


def test_jobs_go_to_runners_with_their_tags(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(
        "plain:\n  script: echo\n"
        "docker:\n  script: echo\n  tags: [docker]\n"
        "both:\n  script: echo\n  tags: [docker, arm]\n"
    )
    tagged_only = project.runner(tag_list="docker", run_untagged=False)
    assert set(tagged_only.take_all()) == {"docker"}
    assert set(project.runner().take_all()) == {"plain"}
    assert set(project.runner(tag_list=["arm", "docker", "more"]).take_all()) == {"both"}


def test_a_paused_runner_gets_nothing_until_it_goes_on(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.root.put(f"runners/{runner.id}", {"paused": True})
    work_tree.ship(CI)
    assert runner.request().status_code == 204
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(runner.request, runner.last_update)
        project.root.put(f"runners/{runner.id}", {"paused": False})
        assert polling.result().status_code == 201


def test_a_protected_runner_takes_jobs_of_protected_branches_only(
    project: Project, work_tree: WorkTree
) -> None:
    runner = project.runner(access_level="ref_protected")
    project.protect("main")
    work_tree.ship(CI, branch="topic")
    assert runner.request().status_code == 204
    work_tree.ship(CI)
    assert runner.take().payload["git_info"]["protected"] is True


def test_a_project_s_runner_takes_no_other_project_s_jobs(
    coordinator: Coordinator, work_tree: WorkTree
) -> None:
    work_tree.ship(CI)
    assert coordinator.project().runner().request().status_code == 204


def test_jobs_that_no_runner_takes_do_not_hold_up_those_behind_them(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    nobodys = "".join(f"a{number}:\n  script: echo\n  tags: [nowhere]\n" for number in range(250))
    work_tree.ship(nobodys + CI)
    assert runner.take().name == "job"


def test_an_instance_runner_serves_the_project_with_the_fewest_running_jobs_first(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    made = own_coordinator.root.post("user/runners", {"runner_type": "instance_type"})
    runner = Runner(own_coordinator, made["id"], made["token"])
    busy, quiet = own_coordinator.project(), own_coordinator.project()
    busy.work_tree(tmp_path / "busy").ship("".join(f"job{n}:\n  script: echo\n" for n in range(3)))
    quiet.work_tree(tmp_path / "quiet").ship(CI)
    taken = [runner.take() for _ in range(4)]
    projects = [job.payload["job_info"]["project_id"] for job in taken]
    assert projects == [busy.id, quiet.id, busy.id, busy.id]
    counts = [job.payload["job_info"]["project_jobs_running_on_instance_runners_count"] for job in taken]
    assert counts == ["0", "0", "1", "2"]
    assert [job.payload["job_info"]["queue_size"] for job in taken] == [4, 3, 2, 1]


def test_a_runner_that_lacks_what_a_job_needs_fails_it_and_gets_the_next(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("needy: {script: make, artifacts: {reports: {junit: a.xml}}}\nplain: {script: make}\n")
    runner.features = {}
    assert runner.take().name == "plain"
    needy = project.jobs()["needy"]
    assert (needy["status"], needy["failure_reason"]) == ("failed", "runner_unsupported")
    assert "upload_multiple_artifacts" in project.trace(needy["id"])


def test_a_runner_that_serves_several_projects_takes_jobs_of_each(
    coordinator: Coordinator, runner: Runner, project: Project, tmp_path: Path
) -> None:
    other = coordinator.project()
    other.root.post(f"projects/{other.id}/runners", {"runner_id": runner.id})
    for one in (project, other):
        one.work_tree(tmp_path / str(one.id)).ship(CI)
    taken = [runner.take().payload["job_info"]["project_id"] for _ in range(2)]
    assert taken == [project.id, other.id]


def test_a_deleted_runner_s_job_ends_by_its_token(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(CI)
    job = runner.take()
    assert runner.call("DELETE", "").status_code == 204
    assert job.trace(b"hello").status_code == 202
    job.succeed()
    assert project.statuses() == {"job": "success"}


def test_too_many_requests_of_one_runner_do_not_hold_up_another(strict: Coordinator) -> None:
    project = strict.project()
    hasty, calm = project.runner(), project.runner()
    statuses = [hasty.request().status_code for _ in range(7)]
    assert statuses == [204] * 5 + [429] * 2
    assert calm.request().status_code == 204


def test_of_many_who_ask_for_one_job_one_gets_it_and_the_others_are_told_to_ask_again_or_to_wait(
    project: Project, work_tree: WorkTree
) -> None:
    runners = [project.runner() for _ in range(6)]
    with ThreadPoolExecutor(len(runners)) as pool:
        for number in range(4):
            work_tree.ship(CI, branch=f"branch{number}")
            statuses = sorted(answer.status_code for answer in pool.map(Runner.request, runners))
            assert statuses.count(201) == 1
            assert set(statuses) <= {201, 204, 409}
