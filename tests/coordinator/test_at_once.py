"""Two things at once, in the one order in which they could hurt: PostgreSQL holds one of them back until the other
is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.coordinator.server import Coordinator, Job, Project, Runner, WorkTree, running, until

from shipline.host.postgresql import Server

pytestmark = pytest.mark.postgresql
JOB = "job: {script: make}\n"


@pytest.fixture(scope="module")
def coordinator(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    url = postgresql.create_database("at_once")
    with running(tmp_path_factory.mktemp("at_once"), database_url=url) as started:
        yield started


@contextmanager
def meanwhile(
    coordinator: Coordinator, job: int, act: Callable[[], Any]
) -> Iterator[tuple[psycopg.Connection[Any], Future[Any]]]:
    """`act` has begun and waits for this job's row, which the transaction of the connection has; it goes on when
    the body is over."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(coordinator.database_url) as connection:
        connection.execute("SELECT 1 FROM coordinator_job WHERE id = %s FOR NO KEY UPDATE", [job])
        acting = pool.submit(act)
        until(lambda: _somebody_waits(coordinator.database_url), "it waits for the row")
        yield connection, acting
        connection.commit()
        acting.result()


def _somebody_waits(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return found.fetchone() is not None


def another_attempt(connection: psycopg.Connection[Any], job: int) -> int:
    """As an automatic retry writes it."""
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'coordinator_job' "
        "AND column_name NOT IN ('id', 'status', 'attempt', 'token_hash')"
    )
    names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns)
    made = connection.execute(
        sql.SQL(
            "INSERT INTO coordinator_job (status, attempt, {names}) "
            "SELECT 'created', 1, {names} FROM coordinator_job WHERE id = %s RETURNING id"
        ).format(names=names),
        [job],
    )
    row = made.fetchone()
    assert row is not None
    connection.execute(
        "UPDATE coordinator_job SET status = 'failed', retried = true, finished_at = now() WHERE id = %s",
        [job],
    )
    return int(row[0])


@pytest.mark.parametrize("by", ["cancel", "push"])
def test_a_job_that_is_retried_while_its_pipeline_is_cancelled_is_cancelled_too(
    project: Project, work_tree: WorkTree, runner: Runner, by: str
) -> None:
    work_tree.ship("default: {interruptible: true}\n" + JOB)
    pipeline = project.pipeline()["id"]
    job = runner.take()
    path = f"projects/{project.id}/pipelines/{pipeline}"

    def cancel() -> None:
        if by == "cancel":
            project.root.post(f"{path}/cancel")
        else:
            work_tree.ship(JOB, **{"more.txt": "more"})

    with meanwhile(project.coordinator, job.id, cancel) as (connection, _):
        again = another_attempt(connection, job.id)
    assert project.jobs(pipeline)["job"]["id"] == again
    assert project.jobs(pipeline)["job"]["status"] == "canceled"
    assert project.root.get(path)["status"] == "canceled"


def test_what_a_runner_told_of_a_job_that_another_s_failure_cancels_is_not_lost(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "workflow: {auto_cancel: {on_job_failure: all}}\none: {script: make}\ntwo: {script: make}\n"
    )
    jobs = runner.take_all()
    two = jobs["two"]
    two.trace(b"hello")
    with meanwhile(project.coordinator, two.id, jobs["one"].fail) as (connection, _):
        connection.execute("UPDATE coordinator_job SET debug_trace = true WHERE id = %s", [two.id])
    assert project.statuses() == {"one": "failed", "two": "canceling"}
    with psycopg.connect(project.coordinator.database_url) as connection:
        found = connection.execute("SELECT debug_trace FROM coordinator_job WHERE id = %s", [two.id])
        assert found.fetchone() == (True,)
    assert two.trace(b" world", 5).headers["Range"] == "0-11"


def test_a_retry_that_waited_for_the_end_of_its_job_takes_no_other_job_from_its_runner(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "first: {script: make}\ngate: {script: make, when: manual}\nbehind: {script: make, needs: [gate]}\n"
    )
    job, behind = runner.take(), project.jobs()["behind"]
    assert behind["status"] == "skipped"
    url, pipeline = project.coordinator.database_url, project.pipeline()["id"]
    with (
        meanwhile(project.coordinator, job.id, lambda: project.act("retry", job.id)) as (connection, _),
        psycopg.connect(url) as other,
    ):
        # Somebody starts the gate, and all goes well until a runner has the job behind it.
        other.execute("SELECT 1 FROM coordinator_pipeline WHERE id = %s FOR NO KEY UPDATE", [pipeline])
        other.execute("UPDATE coordinator_job SET status = 'running' WHERE id = %s", [behind["id"]])
        connection.execute("UPDATE coordinator_job SET status = 'failed' WHERE id = %s", [job.id])
        connection.commit()
        until(lambda: _somebody_waits(url), "the retry waits for the pipeline")
        other.commit()
    assert project.statuses()["behind"] == "running"
    assert project.statuses()["first"] == "pending"


def test_jobs_that_end_while_their_pipeline_is_cancelled_end_once(
    project: Project, work_tree: WorkTree, runner: Runner, tmp_path: Path
) -> None:
    """Whoever PostgreSQL sends back to let the other by tries again: nobody hears of it."""
    runner.features = {}
    work_tree.ship(
        "workflow: {auto_cancel: {on_job_failure: all}}\n"
        + "".join(f"job{number}: {{script: make, retry: 1}}\n" for number in range(8))
    )
    jobs = list(runner.take_all().values())
    path = f"projects/{project.id}/pipelines/{project.pipeline()['id']}"

    def end(job: Job) -> int:
        return job.update("failed", failure_reason="script_failure", exit_code=1).status_code

    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        ending = [pool.submit(end, job) for job in jobs]
        cancelling = pool.submit(project.root.post, f"{path}/cancel")
        assert {one.result() for one in ending} <= {200, 403}
        assert cancelling.result()["status"] == "canceled"
    assert project.root.get(path)["status"] == "canceled"
    assert set(project.statuses().values()) == {"canceled"}
