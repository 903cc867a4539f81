"""jobs/request: which runner gets which job, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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
