"""The table of the Runner API: every call, with every answer that a server may give to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import ZIP, Coordinator, Job, Project, Runner, User

REGISTER = "POST /runners"
VERIFY = "POST /runners/verify"
LEAVE = "DELETE /runners"
MANAGERS = "DELETE /runners/managers"
RESET = "POST /runners/reset_authentication_token"
RESET_BY_ID = "POST /runners/:id/reset_authentication_token"
ROUTER = "GET /runners/router/discovery"
REQUEST = "POST /jobs/request"
UPDATE = "PUT /jobs/:id"
TRACE = "PATCH /jobs/:id/trace"
AUTHORIZE = "POST /jobs/:id/artifacts/authorize"
UPLOAD = "POST /jobs/:id/artifacts"
DOWNLOAD = "GET /jobs/:id/artifacts"
CURRENT = "GET /job"

TABLE: dict[str, set[int]] = {
    REGISTER: {201, 400, 403, 410},
    VERIFY: {200, 403, 422},
    LEAVE: {204, 403},
    MANAGERS: {204, 400, 403, 404},
    RESET: {201, 403},
    RESET_BY_ID: {201, 401, 403, 404},
    ROUTER: {200, 403, 501},
    REQUEST: {201, 204, 403, 409, 413, 422, 429},
    UPDATE: {200, 202, 400, 403, 404, 409, 412, 429},
    TRACE: {202, 400, 403, 404, 416, 429},
    AUTHORIZE: {200, 403, 405, 413},
    UPLOAD: {201, 307, 400, 403, 405, 413, 503},
    DOWNLOAD: {200, 302, 307, 401, 403, 404},
    CURRENT: {200, 401},
}
NEVER: dict[tuple[str, int], str] = {
    (ROUTER, 200): "there is no job router",
    (REQUEST, 409): "needs two runners at the same moment: see test_requests",
    (UPDATE, 202): "a log is stored where it stays, there is nothing to wait for",
    (UPDATE, 404): "a job that is not there and one that is another's look the same: 403",
    (UPDATE, 412): "a log with a hole does not undo the job, as with GitLab",
    (TRACE, 404): "as UPDATE's",
    (UPLOAD, 307): "artifacts are taken here",
    (UPLOAD, 503): "there is no store that may be away",
    (DOWNLOAD, 302): "artifacts are given from here",
    (DOWNLOAD, 307): "artifacts are given from here",
}


@dataclass
class World:
    """What the calls are made on. `strict` allows registration tokens and few calls."""

    coordinator: Coordinator
    strict: Coordinator
    folder: Path

    def __post_init__(self) -> None:
        self._numbers = count(1)

    def project(self, *, strict: bool = False) -> Project:
        return (self.strict if strict else self.coordinator).project()

    def runner(self, *, strict: bool = False) -> Runner:
        return self.project(strict=strict).runner()

    def job(self, *, strict: bool = False) -> Job:
        project = self.project(strict=strict)
        project.work_tree(self.folder / str(next(self._numbers))).ship(CI)
        return project.runner().take()

    def orphan(self) -> Runner:
        """Its project has it no longer."""
        project = self.project()
        runner = project.runner()
        database = self.coordinator.data.coordinator / "db.sqlite3"
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.execute("DELETE FROM coordinator_runner_projects WHERE runner_id = ?", [runner.id])
        return runner

    def register(self, token: str, **members: object) -> httpx.Response:
        with self.strict.client() as client:
            return client.post("/api/v4/runners", json={"token": token} | members)

    def registration_token(self) -> str:
        return str(self.strict.root.post("runners/reset_registration_token")["token"])


def stranger(found: Job) -> Job:
    return Job(found.coordinator, found.payload | {"token": "glcbt-wrong"})


def finished(found: Job) -> Job:
    found.succeed()
    return found


def until_429(call: Callable[[], httpx.Response]) -> httpx.Response:
    return next(answer for answer in (call() for _ in range(20)) if answer.status_code == 429)


def by_id(user: User, number: int) -> httpx.Response:
    return user.call("POST", f"runners/{number}/reset_authentication_token")


def discovery(coordinator: Coordinator, token: str) -> httpx.Response:
    with coordinator.client(**{"Runner-Token": token}) as client:
        return client.get("/api/v4/runners/router/discovery")


def current(found: Job) -> httpx.Response:
    with found.coordinator.client(**{"JOB-TOKEN": found.token}) as client:
        return client.get("/api/v4/job")


def oversized(runner: Runner) -> httpx.Response:
    runner.features = {"x" * 40_000: True}
    return runner.request()


def waiting_job(world: World) -> httpx.Response:
    """A job that was handed to two-phase manager, lost by it, and asked for again."""
    project = world.project()
    project.work_tree(world.folder / "waiting").ship(CI)
    runner = project.runner()
    runner.features["two_phase_job_commit"] = True
    job = runner.take()
    assert runner.call("DELETE", "/managers").status_code == 204
    return job.update("running")


def two_archives(found: Job) -> httpx.Response:
    assert found.upload(ZIP).status_code == 201
    return found.upload(ZIP + b" ")


def uploaded(found: Job) -> Job:
    assert found.upload(ZIP).status_code == 201
    return found


def requested(world: World) -> httpx.Response:
    project = world.project()
    project.work_tree(world.folder / "requested").ship(CI)
    return project.runner().request()


CASES: list[tuple[str, int, Callable[[World], httpx.Response]]] = [
    (REGISTER, 201, lambda world: world.register(world.registration_token(), description="made")),
    (REGISTER, 400, lambda world: world.register(world.registration_token(), run_untagged=False)),
    (REGISTER, 403, lambda world: world.register("GR1348941wrong")),
    (REGISTER, 410, lambda world: world.runner().call("POST", "", token="GR1348941wrong")),
    (VERIFY, 200, lambda world: world.runner().verify()),
    (VERIFY, 403, lambda world: world.runner().verify("glrt-wrong")),
    (VERIFY, 422, lambda world: world.orphan().verify()),
    (LEAVE, 204, lambda world: world.runner().call("DELETE", "")),
    (LEAVE, 403, lambda world: world.runner().call("DELETE", "", token="glrt-wrong")),
    (MANAGERS, 204, lambda world: verified(world.runner()).call("DELETE", "/managers")),
    (MANAGERS, 400, lambda world: verified(world.runner()).call("DELETE", "/managers", system_id="")),
    (MANAGERS, 403, lambda world: world.runner().call("DELETE", "/managers", token="glrt-wrong")),
    (MANAGERS, 404, lambda world: world.runner().call("DELETE", "/managers")),
    (RESET, 201, lambda world: world.runner().call("POST", "/reset_authentication_token")),
    (RESET, 403, lambda world: world.runner().call("POST", "/reset_authentication_token", token="x")),
    (RESET_BY_ID, 201, lambda world: by_id(world.coordinator.root, world.runner().id)),
    (RESET_BY_ID, 401, lambda world: by_id(User(world.coordinator, 0, "", "wrong"), world.runner().id)),
    (RESET_BY_ID, 403, lambda world: by_id(world.coordinator.user(), world.runner().id)),
    (RESET_BY_ID, 404, lambda world: by_id(world.coordinator.root, 10**9)),
    (ROUTER, 403, lambda world: discovery(world.coordinator, "wrong")),
    (ROUTER, 501, lambda world: discovery(world.coordinator, world.runner().token)),
    (REQUEST, 201, requested),
    (REQUEST, 204, lambda world: world.runner().request()),
    (REQUEST, 403, lambda world: Runner(world.coordinator, 0, "glrt-wrong").request()),
    (REQUEST, 413, lambda world: oversized(world.runner())),
    (REQUEST, 422, lambda world: world.orphan().request()),
    (REQUEST, 429, lambda world: until_429(world.runner(strict=True).request)),
    (UPDATE, 200, lambda world: world.job().update("success")),
    (UPDATE, 400, lambda world: world.job().update("nonsense")),
    (UPDATE, 403, lambda world: stranger(world.job()).update("success")),
    (UPDATE, 409, waiting_job),
    (UPDATE, 429, lambda world: until_429(partial(world.job(strict=True).update, "running"))),
    (TRACE, 202, lambda world: world.job().trace(b"hello")),
    (TRACE, 400, lambda world: world.job().trace(b"hello", content_range="")),
    (TRACE, 403, lambda world: finished(world.job()).trace(b"hello")),
    (TRACE, 416, lambda world: world.job().trace(b"hello", 7)),
    (TRACE, 429, lambda world: until_429(partial(world.job(strict=True).trace, b"x", 9))),
    (AUTHORIZE, 200, lambda world: world.job().call("POST", "/artifacts/authorize")),
    (AUTHORIZE, 403, lambda world: stranger(world.job()).call("POST", "/artifacts/authorize")),
    (AUTHORIZE, 405, lambda world: world.job().call("GET", "/artifacts/authorize")),
    (AUTHORIZE, 413, lambda world: world.job().call("POST", "/artifacts/authorize?filesize=99999999999")),
    (UPLOAD, 201, lambda world: world.job().upload(ZIP)),
    (UPLOAD, 400, lambda world: two_archives(world.job())),
    (UPLOAD, 403, lambda world: finished(world.job()).upload(ZIP)),
    (UPLOAD, 405, lambda world: world.job().call("PUT", "/artifacts")),
    (UPLOAD, 413, lambda world: stranger(world.job()).upload(bytes(5_000_000))),
    (DOWNLOAD, 200, lambda world: uploaded(job := world.job()).download(job.id)),
    (DOWNLOAD, 401, lambda world: stranger(job := world.job()).download(job.id)),
    (DOWNLOAD, 403, lambda world: finished(uploaded(job := world.job())).download(job.id)),
    (DOWNLOAD, 404, lambda world: world.job().download(10**9)),
    (CURRENT, 200, lambda world: current(world.job())),
    (CURRENT, 401, lambda world: current(finished(world.job()))),
]


def verified(runner: Runner) -> Runner:
    assert runner.verify().status_code == 200
    return runner


@pytest.fixture
def world(coordinator: Coordinator, strict: Coordinator, tmp_path: Path) -> World:
    return World(coordinator, strict, tmp_path)


def test_the_whole_table_is_held() -> None:
    covered = {(call, status) for call, status, _ in CASES}
    assert covered.isdisjoint(NEVER)
    assert covered | set(NEVER) == {
        (call, status) for call, statuses in TABLE.items() for status in statuses
    } | {(call, status) for call, status in covered if status == 405}


@pytest.mark.parametrize(
    ("status", "call"), [case[1:] for case in CASES], ids=[f"{call} {status}" for call, status, _ in CASES]
)
def test_every_answer_of_the_table_is_given(
    world: World, status: int, call: Callable[[World], httpx.Response]
) -> None:
    answer = call(world)
    assert answer.status_code == status, answer.text
    assert answer.headers["X-Request-Id"]
    if status == 429:
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.headers["RateLimit-ResetTime"].endswith(" GMT")
    if status >= 400:
        assert answer.headers["content-type"].startswith("application/json")
        assert str(status) in answer.json()["message"]
