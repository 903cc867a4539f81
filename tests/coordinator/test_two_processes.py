"""Two coordinators over one PostgreSQL and one data folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier, Lock

import httpx
import psycopg
import pytest
from tests.coordinator.server import Coordinator, Project, Runner, User, until
from tests.ports import free_port

from shipline.config import Config, DataFolder
from shipline.host.postgresql import Server, ensure_postgresql, server

pytestmark = pytest.mark.postgresql
Pair = tuple[Coordinator, Coordinator]
_numbers = count(1)
ROUNDS = 12
CI = "job:\n  script: echo\n"
DELAYED = "job:\n  when: delayed\n  start_in: 1 second\n  script: echo\n"
MANY = "job:\n  parallel: {jobs}\n  script: echo\n"


@pytest.fixture(scope="module")
def pair(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """For tests that leave them as they are."""
    folder = tmp_path_factory.mktemp("pair") / "data"
    with both(postgresql.create_database("pair"), folder) as started:
        yield started


@pytest.fixture
def own_pair(postgresql: Server, tmp_path: Path) -> Iterator[Pair]:
    with both(postgresql.create_database(f"pair{next(_numbers)}"), tmp_path / "data") as started:
        yield started


@contextmanager
def both(url: str, folder: Path) -> Iterator[Pair]:
    one, other = (Coordinator(DataFolder(folder), Config(), database_url=url) for _ in range(2))
    one.write_config()
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Coordinator.start_as_configured, (one, other)))
        yield one, other
    finally:
        for each in (one, other):
            if each.process is not None and each.process.poll() is None:
                each.end()
    assert "Traceback" not in one.log, one.log[-3000:]


def at(runner: Runner, coordinator: Coordinator) -> Runner:
    """The same runner, asking there."""
    return replace(runner, coordinator=coordinator)


def push(project: Project, folder: Path, ci: str, branch: str = "main") -> None:
    project.work_tree(folder).ship(ci, branch=branch)


def test_what_one_has_done_the_other_knows(pair: Pair, tmp_path: Path) -> None:
    one, other = pair
    project = one.project()
    push(project, tmp_path / "tree", CI)
    job = at(project.runner(), other).take()
    assert job.trace(b"hello").status_code == 202
    assert replace(job, coordinator=one).trace(b" world", 5).status_code == 202
    assert project.trace(job.id) == "hello world"
    job.succeed()
    assert project.statuses() == {"job": "success"}


def test_a_long_poll_at_one_is_answered_for_a_job_that_came_by_the_other(pair: Pair, tmp_path: Path) -> None:
    one, other = pair
    project = one.project()
    runner = at(project.runner(), other)
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(until_taken, runner)
        until(lambda: runner.last_update, "the runner waits at the other")
        push(project, tmp_path / "tree", CI)
        assert polling.result() == "job"


def until_taken(runner: Runner) -> str:
    """Long polls, as runners make them; each ends within the client's patience."""
    while True:
        answer = runner.request(runner.last_update)
        if answer.status_code == 201:
            return str(answer.json()["job_info"]["name"])
        assert answer.status_code in (204, 409), answer.text


@pytest.mark.parametrize("number", [0, 1])
def test_a_poll_that_waits_at_one_is_answered_by_the_notification_of_the_other(
    pair: Pair, tmp_path: Path, number: int
) -> None:
    """In that very poll, whose end is further away than the client's patience."""
    here, there = pair[number], pair[1 - number]
    project = here.project()
    runner = at(project.runner(), there)
    for round_number in range(4):
        # A machine that nobody knows is noted when its poll begins: then it waits.
        runner.system_id = f"s_{round_number:012d}"
        polling = replace(runner, last_update=version(runner, there), system_id=f"s_{round_number:011d}x")
        with ThreadPoolExecutor(1) as pool:
            poll = pool.submit(polling.request, polling.last_update)
            until(lambda known=polling.system_id: known in machines(project, runner), "it waits at the other")
            push(project, tmp_path / f"{round_number}", CI, f"branch{round_number}")
            assert poll.result().status_code == 201


def machines(project: Project, runner: Runner) -> set[str]:
    return {one["system_id"] for one in project.root.get(f"runners/{runner.id}/managers?per_page=100")}


def test_both_tell_runners_the_same_version_of_the_queue(pair: Pair, tmp_path: Path) -> None:
    one, other = pair
    project = one.project()
    runner = project.runner(paused=True)
    for number in range(3):
        push(project, tmp_path / str(number), CI, f"branch{number}")
        until(lambda: version(runner, one) == version(runner, other), "both know of the same change")


def version(runner: Runner, coordinator: Coordinator) -> str:
    asking = at(runner, coordinator)
    assert asking.request().status_code == 204
    return asking.last_update


def test_jobs_are_drained_at_both_and_each_goes_to_one_runner(pair: Pair, tmp_path: Path) -> None:
    project = pair[0].project()
    for number in range(2):
        push(project, tmp_path / str(number), MANY.format(jobs=40), f"branch{number}")
    runners = [at(project.runner(), pair[number % 2]) for number in range(8)]
    with ThreadPoolExecutor(len(runners)) as pool:
        taken = [job for jobs in pool.map(drain, runners) for job in jobs]
    assert len(taken) == 80
    assert len(set(taken)) == 80


def drain(runner: Runner) -> list[int]:
    """Take a job and succeed, until there is none."""
    taken = []
    while (answer := runner.request()).status_code != 204:
        if answer.status_code == 409:
            continue
        assert answer.status_code == 201, answer.text
        taken.append(int(answer.json()["id"]))
        body = {"token": answer.json()["token"], "state": "success"}
        with runner.coordinator.client() as client:
            assert client.put(f"/api/v4/jobs/{taken[-1]}", json=body).status_code == 200
    return taken


@pytest.mark.parametrize("number", [0, 1])
def test_when_one_is_killed_the_other_goes_on_with_every_job_and_what_is_done_at_intervals(
    own_pair: Pair, tmp_path: Path, number: int
) -> None:
    killed, survivor = own_pair[number], own_pair[1 - number]
    project = survivor.project()
    push(project, tmp_path / "tree", MANY.format(jobs=60))
    taken: list[int] = []
    enough, lock = 10, Lock()

    def take_until_it_is_gone(runner: Runner) -> None:
        try:
            while (answer := runner.request()).status_code != 204:
                if answer.status_code == 201:
                    with lock:
                        taken.append(int(answer.json()["id"]))
        except httpx.TransportError:
            return

    runners = [at(project.runner(), own_pair[number % 2]) for number in range(6)]
    with ThreadPoolExecutor(len(runners)) as pool:
        asking = [pool.submit(take_until_it_is_gone, runner) for runner in runners]
        until(lambda: len(taken) >= enough, "some jobs are taken")
        killed.end(signal.SIGKILL)
        for one in asking:
            one.result()
    assert len(taken) == len(set(taken))
    # Whoever was being answered by the killed one may have lost that answer; its job is not given to another.
    assert set(project.statuses().values()) == {"running"}
    assert len(taken) <= 60 <= len(taken) + len(runners)
    # Whichever of them did it until now.
    push(project, tmp_path / "later", DELAYED, "later")
    until(lambda: project.statuses() == {"job": "pending"}, "the delay is over")


PARENT = "call:\n  trigger: {include: child.yml, strategy: depend}\nhold:\n  script: echo\n"
CHILD = "a:\n  script: echo\nb:\n  script: echo\nc:\n  stage: deploy\n  script: echo\n"
OVER = {"success", "failed", "canceled", "skipped"}


def test_a_pipeline_is_cancelled_at_one_while_its_child_is_retried_at_the_other(
    pair: Pair, tmp_path: Path
) -> None:
    """Each takes the rows of both pipelines, from above and from below. Whoever of them comes first, nobody is told
    an error, and each pipeline is what its jobs are."""
    one, other = pair
    project = one.project()
    root, far = project.root, replace(project.root, coordinator=other)
    tree = project.work_tree(tmp_path / "tree")
    tree.commit({"child.yml": CHILD})
    runner, before = project.runner(), deadlocks(one.database_url)
    for number in range(ROUNDS):
        tree.ship(PARENT, branch=f"branch{number}")
        parent = project.pipeline()["id"]
        child = project.downstream("call", parent)["id"]
        taken = runner.take_all()
        taken["a"].fail()
        here, jobs = f"projects/{project.id}", project.jobs(child)
        calls = [
            (root, f"{here}/pipelines/{parent}/cancel"),
            (far, f"{here}/jobs/{jobs['a']['id']}/retry"),
            (far, f"{here}/pipelines/{child}/retry"),
            (root, f"{here}/jobs/{jobs['b']['id']}/cancel"),
            (far, f"{here}/pipelines/{child}/cancel"),
            (root, f"{here}/pipelines/{parent}/retry"),
        ]
        ready = Barrier(len(calls))

        def at_once(call: tuple[User, str], ready: Barrier = ready) -> int:
            ready.wait()
            return call[0].call("POST", call[1]).status_code

        with ThreadPoolExecutor(len(calls)) as pool:
            assert set(pool.map(at_once, calls)) <= {200, 201, 400, 403}
        # What is left is ended, and then both pipelines are over.
        for pipeline in (parent, child):
            root.post(f"{here}/pipelines/{pipeline}/cancel")
        for job in taken.values():
            job.update("failed", failure_reason="script_failure")
        for pipeline in (parent, child):
            path = f"{here}/pipelines/{pipeline}"
            until(lambda path=path: root.get(path)["status"] in OVER, f"pipeline {path} is over")
            statuses = {job["status"] for job in project.jobs(pipeline).values()}
            assert statuses <= OVER, (number, statuses)
    assert deadlocks(one.database_url) == before


def deadlocks(url: str) -> int:
    """How often PostgreSQL has ended somebody's transaction because two waited for one another."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        found = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert found is not None
        return int(found[0])


def test_connections_that_are_cut_are_made_again_and_nothing_is_missed(pair: Pair, tmp_path: Path) -> None:
    one, other = pair
    project = one.project()
    runner = at(project.runner(), other)
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(until_taken, runner)
        until(lambda: runner.last_update, "the runner waits at the other")
        cut(one.database_url)
        project.work_tree(tmp_path / "tree").ship(CI)
        assert polling.result() == "job"


def cut(url: str) -> None:
    """Every connection but this one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_while_postgresql_is_away_the_answer_is_503_and_afterwards_all_is_well(tmp_path: Path) -> None:
    with (
        server(ensure_postgresql(print), {"fsync": "off"}, free_port()) as own,
        both(own.create_database("shipline"), tmp_path / "data") as (one, _),
    ):
        runner = one.project().runner()
        assert runner.request().status_code == 204
        own.stop(signal.SIGQUIT)
        answer = runner.request()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert one.root.call("GET", "projects").status_code == 503
        own.start()
        until(lambda: runner.request().status_code == 204, "the database is there again")
        assert one.root.call("GET", "projects").status_code == 200
        assert "PASSWORD" not in one.log
        assert own.url("x").split(":")[2].split("@")[0] not in one.log


def run_beside(folder: Path, url: str = "") -> subprocess.CompletedProcess[str]:
    """Another coordinator over that folder, which has to end by itself."""
    beside = Coordinator(DataFolder(folder), database_url=url)
    words = ["coordinator", "--data", str(folder), "--port", str(beside.port)]
    return subprocess.run(
        [sys.executable, "-m", "shipline", *words],
        env=beside.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_second_one_over_sqlite_is_refused_and_told_who_is_there(own_coordinator: Coordinator) -> None:
    assert own_coordinator.process is not None
    ended = run_beside(own_coordinator.data.root)
    assert ended.returncode == 2
    assert f"Another coordinator (process {own_coordinator.process.pid})" in ended.stderr
    assert "SHIPLINE_DATABASE_URL" in ended.stderr
    own_coordinator.end(signal.SIGKILL)
    own_coordinator.start()


def test_sqlite_and_postgresql_are_not_mixed_over_one_folder(
    own_coordinator: Coordinator, postgresql: Server
) -> None:
    ended = run_beside(own_coordinator.data.root, postgresql.url("nowhere"))
    assert ended.returncode == 2
    assert "cannot work beside it" in ended.stderr


def test_a_server_that_is_not_there_is_told_with_place_and_next_step_without_the_password(
    tmp_path: Path,
) -> None:
    ended = run_beside(tmp_path, "postgresql://ship:s3cret@127.0.0.1:1/ci")
    assert ended.returncode == 1
    assert "Cannot connect to PostgreSQL at 127.0.0.1:1, database ci" in ended.stderr
    assert "SHIPLINE_DATABASE_URL" in ended.stderr
    assert "s3cret" not in ended.stderr
    assert "Traceback" not in ended.stderr
