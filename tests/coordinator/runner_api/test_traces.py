"""The log, piece by piece."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import (
    DEVELOPER,
    REPORTER,
    Coordinator,
    Job,
    Project,
    Runner,
    WorkTree,
    until,
)

pytestmark = on_both_databases


def test_the_log_grows_piece_by_piece(project: Project, job: Job) -> None:
    first = job.trace(b"hello ")
    assert (first.status_code, first.headers["Range"], first.headers["Job-Status"]) == (202, "0-6", "running")
    assert int(first.headers["X-GitLab-Trace-Update-Interval"]) > 0
    second = job.trace(b"world\n", 6)
    assert (second.status_code, second.headers["Range"]) == (202, "0-12")
    assert project.trace(job.id) == "hello world\n"


@pytest.mark.parametrize("start", [0, 3, 7, 1000])
def test_a_piece_that_does_not_follow_is_416_with_the_size_that_is_there(
    project: Project, job: Job, start: int
) -> None:
    job.trace(b"hello ")
    answer = job.trace(b"world", start)
    assert (answer.status_code, answer.headers["Range"]) == (416, "0-6")
    assert answer.headers["Job-Status"] == "running"
    assert project.trace(job.id) == "hello "


def test_a_piece_that_is_sent_again_is_told_to_be_there(project: Project, job: Job) -> None:
    job.trace(b"hello ")
    again = job.trace(b"hello ")
    assert (again.status_code, again.headers["Range"]) == (416, "0-6")
    assert project.trace(job.id) == "hello "


@pytest.mark.parametrize("content_range", ["", "5", "0-", "bytes 0-4/5", "-1-3", "a-b", "0-99", "4-0"])
def test_a_piece_without_a_right_range_is_400(project: Project, job: Job, content_range: str) -> None:
    assert job.trace(b"hello", content_range=content_range).status_code == 400
    assert project.trace(job.id) == ""


def test_a_piece_is_no_larger_than_4_mib(job: Job) -> None:
    assert job.trace(b"x" * (4 * 1024 * 1024 + 1)).status_code == 413


def test_a_log_may_hold_any_bytes(project: Project, job: Job) -> None:
    content = bytes(range(256))
    assert job.trace(content).status_code == 202
    answer = project.root.call("GET", f"projects/{project.id}/jobs/{job.id}/trace")
    assert answer.content == content


def change(coordinator: Coordinator, statement: str) -> None:
    if coordinator.database_url:
        with psycopg.connect(coordinator.database_url) as connection:
            connection.execute(statement.encode())
    else:
        path = coordinator.data.coordinator / "db.sqlite3"
        with closing(sqlite3.connect(path, timeout=30)) as database, database:
            database.execute(statement)


@pytest.mark.parametrize(("cancelled", "status"), [(False, "failed"), (True, "canceled")])
def test_a_log_that_grows_beyond_its_limit_ends_its_job(
    project: Project, work_tree: WorkTree, runner: Runner, cancelled: bool, status: str
) -> None:
    work_tree.ship("job: {script: make, retry: 1}\n")
    job = runner.take()
    if cancelled:
        project.act("cancel", job.id)
    size = 100 * 1024 * 1024
    change(project.coordinator, f"UPDATE coordinator_job SET trace_size = {size} WHERE id = {job.id}")
    answer = job.trace(b"more", size)
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, status)
    ended = project.root.get(f"projects/{project.id}/jobs/{job.id}")
    assert (ended["status"], ended["failure_reason"]) == (status, "trace_size_exceeded")
    # What was cancelled is not tried again by itself.
    assert project.statuses() == {"job": "canceled" if cancelled else "pending"}


def test_two_pieces_for_one_place_leave_one(project: Project, job: Job) -> None:
    pieces = [bytes([65 + number]) * 1000 for number in range(8)]
    with ThreadPoolExecutor(len(pieces)) as pool:
        statuses = list(pool.map(lambda piece: job.trace(piece).status_code, pieces))
    assert sorted(statuses) == [202, *[416] * 7]
    assert project.trace(job.id).encode() == pieces[statuses.index(202)]


def test_the_runner_sends_often_while_somebody_looks_and_seldom_otherwise(project: Project, job: Job) -> None:
    header = "X-GitLab-Trace-Update-Interval"
    assert job.update("running").headers[header] == "30"
    with project.coordinator.client() as client:
        form = {"username": project.root.name, "password": project.root.token}
        page = client.get("/users/sign_in").text
        form["csrfmiddlewaretoken"] = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[
            0
        ]
        assert client.post("/users/sign_in", data=form).status_code == 302
        with client.stream("GET", f"/{project.path}/-/jobs/{job.id}/live") as stream:
            lines = stream.iter_lines()
            assert "event: reset" in iter(lambda: next(lines), "event: done")
            assert job.update("running").headers[header] == "3"
            assert job.trace(b"hello").headers[header] == "3"
    until(lambda: job.update("running").headers[header] == "30", "nobody looks any more", pause=0.3)


def test_who_reads_the_log_by_rest_again_and_again_is_somebody_who_looks(project: Project, job: Job) -> None:
    header = "X-GitLab-Trace-Update-Interval"
    assert job.update("running").headers[header] == "30"
    project.trace(job.id)
    until(lambda: job.update("running").headers[header] == "3", "the coordinator knows", pause=0.1)


def test_a_log_with_secrets_in_it_is_for_developers(coordinator: Coordinator, tmp_path: Path) -> None:
    project = coordinator.project(visibility="public")
    project.work_tree(tmp_path / "tree").ship(CI)
    job = project.runner().take()
    reporter, developer = project.add(REPORTER), project.add(DEVELOPER)
    path = f"projects/{project.id}/jobs/{job.id}/trace"
    assert job.trace(b"hello").status_code == 202
    assert reporter.call("GET", path).status_code == 200
    headers = {"Content-Range": "5-9"}
    assert job.call("PATCH", "/trace?debug_trace=true", content=b"+ set", headers=headers).status_code == 202
    assert reporter.call("GET", path).status_code == 403
    assert developer.call("GET", path).text == "hello+ set"
    with coordinator.client() as client:
        assert client.get(f"/{project.path}/-/jobs/{job.id}/raw").status_code in (302, 404)
        # What follows does not make it public again.
        assert job.trace(b"!", 10).status_code == 202
        assert "hello" not in client.get(f"/{project.path}/-/jobs/{job.id}/raw").text
