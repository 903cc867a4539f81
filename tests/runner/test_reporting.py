"""What the coordinator is told of a job, with a coordinator that lives in memory and a clock that leaps."""

from __future__ import annotations

import asyncio
import selectors
import zlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import pytest

from shipline.errors import RemoteError
from shipline.protocols.runner_api import TRACE_CHUNK_LIMIT, JobPayload, JobUpdate
from shipline.runner.coordinator_client import Answer, CoordinatorClient
from shipline.runner.failure import Result
from shipline.runner.masking import Masker
from shipline.runner.reporting import FINAL_SECONDS, FINAL_TRIES, Reporter
from shipline.runner.trace import Trace


class Leaping(selectors.DefaultSelector):
    """Where a loop would wait for a time, the time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        self.at += timeout or 0.0
        return super().select(0 if timeout is not None else None)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.leaping = Leaping()
        super().__init__(self.leaping)

    def time(self) -> float:
        return self.leaping.at


@dataclass
class Coordinator:
    """Takes a job's log and its end. `refusals` are what it answers first; an exception is raised. `job_status`
    goes with every answer. `now` is the time of each call."""

    refusals: list[Answer | RemoteError] = field(default_factory=list)
    job_status: str = "running"
    log: bytes = b""
    calls: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    updates: list[JobUpdate] = field(default_factory=list)
    debug: bool = False

    def _refusal(self, call: str) -> Answer | None:
        self.calls.append(call)
        self.times.append(asyncio.get_running_loop().time())
        refusal = self.refusals.pop(0) if self.refusals else None
        if isinstance(refusal, RemoteError):
            raise refusal
        return refusal

    async def send_trace(
        self, job: int, token: str, start: int, content: bytes, *, debug: bool = False
    ) -> Answer:
        self.debug = debug
        assert (job, token) == (7, "glcbt-x")
        if refusal := self._refusal(f"trace {start}+{len(content)}"):
            return refusal
        if start != len(self.log):
            return Answer(416, self.job_status, len(self.log))
        self.log += content
        return Answer(202, self.job_status, len(self.log))

    async def update_job(self, job: int, token: str, update: JobUpdate) -> Answer:
        assert (job, token) == (7, "glcbt-x")
        self.updates.append(update)
        if refusal := self._refusal(f"update {update.state}"):
            if refusal.status == 412:
                self.log = b""
            return refusal
        return Answer(200, self.job_status)


@dataclass
class Scene:
    coordinator: Coordinator
    reporter: Reporter
    trace: Trace
    heard: list[str]

    @property
    def calls(self) -> list[str]:
        return self.coordinator.calls


def scene(
    coordinator: Coordinator | None = None,
    reasons: tuple[str, ...] = (),
    variables: tuple[tuple[str, str], ...] = (),
) -> Scene:
    coordinator = coordinator or Coordinator()
    payload = JobPayload.model_validate(
        {
            "id": 7,
            "token": "glcbt-x",
            "job_info": {"name": "test"},
            "git_info": {"repo_url": "http://c/a/b.git", "ref": "main", "sha": "a" * 40},
            "features": {"failure_reasons": list(reasons)},
            "variables": [{"key": key, "value": value} for key, value in variables],
        }
    )
    trace = Trace(Masker([]), 10 * TRACE_CHUNK_LIMIT, lambda: 0.0)
    heard: list[str] = []
    reporter = Reporter(
        cast("CoordinatorClient", coordinator),
        payload,
        trace,
        lambda: heard.append("abort"),
        lambda: heard.append("cancel"),
        lambda: asyncio.get_running_loop().time(),
    )
    return Scene(coordinator, reporter, trace, heard)


def run(work: Coroutine[Any, Any, None]) -> float:
    """The seconds that it would have taken."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        loop = runner.get_loop()
        began = loop.time()
        runner.run(work)
        return loop.time() - began


async def for_a_while(one: Scene, seconds: float) -> None:
    following = asyncio.create_task(one.reporter.follow())
    await asyncio.sleep(seconds)
    assert not following.done()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.mark.parametrize(
    ("variables", "debug"),
    [
        ((), False),
        ((("CI_DEBUG_TRACE", "true"),), True),
        ((("CI_DEBUG_SERVICES", "1"),), True),
        ((("CI_DEBUG_TRACE", "false"), ("CI_DEBUG_SERVICES", "")), False),
        ((("CI_DEBUG_TRACE", "true"), ("CI_DEBUG_TRACE", "false")), False),
    ],
)
def test_a_log_that_shows_more_than_its_author_wrote_is_marked(
    variables: tuple[tuple[str, str], ...], debug: bool
) -> None:
    one = scene(variables=variables)
    one.trace.write(b"hello\n")
    run(one.reporter.finish(Result()))
    assert one.coordinator.debug is debug


def test_a_good_end_is_told_after_the_whole_log() -> None:
    one = scene()
    one.trace.write(b"hello\n")
    assert run(one.reporter.finish(Result(exit_code=0))) == 0
    assert one.calls == ["trace 0+6", "update success"]
    assert one.coordinator.log == b"hello\n"
    (update,) = one.coordinator.updates
    assert (update.failure_reason, update.exit_code) == ("", 0)
    assert update.checksum == f"crc32:{zlib.crc32(b'hello' + bytes([10])):08x}"
    assert update.output is not None
    assert (update.output.checksum, update.output.bytesize) == (update.checksum, 6)


def test_a_bad_end_is_told_with_its_reason_and_its_exit_code() -> None:
    one = scene()
    run(one.reporter.finish(Result("script_failure", 3, "exit code 3")))
    (update,) = one.coordinator.updates
    assert (update.state, update.failure_reason, update.exit_code) == ("failed", "script_failure", 3)


@pytest.mark.parametrize(
    ("reason", "known", "told"),
    [
        ("script_failure", (), "script_failure"),
        ("runner_system_failure", (), "runner_system_failure"),
        ("job_execution_timeout", (), "job_execution_timeout"),
        ("image_pull_failure", ("image_pull_failure",), "image_pull_failure"),
        ("image_pull_failure", (), "runner_system_failure"),
        ("runner_configuration_error", (), "script_failure"),
        ("job_canceled", ("job_canceled",), "job_canceled"),
        ("job_canceled", (), "unknown_failure"),
    ],
)
def test_a_reason_that_the_coordinator_does_not_know_is_replaced(
    reason: str, known: tuple[str, ...], told: str
) -> None:
    one = scene(reasons=known)
    run(one.reporter.finish(Result(reason)))
    assert one.coordinator.updates[0].failure_reason == told


def test_a_long_log_is_sent_in_parts() -> None:
    one = scene()
    one.trace.write(b"x" * (2 * TRACE_CHUNK_LIMIT + 5))
    assert run(one.reporter.finish(Result())) == 0
    assert one.calls == [
        f"trace 0+{TRACE_CHUNK_LIMIT}",
        f"trace {TRACE_CHUNK_LIMIT}+{TRACE_CHUNK_LIMIT}",
        f"trace {2 * TRACE_CHUNK_LIMIT}+5",
        "update success",
    ]


def test_an_end_that_does_not_arrive_is_told_again_ever_more_slowly() -> None:
    one = scene(Coordinator([RemoteError("gone"), RemoteError("gone"), RemoteError("gone")]))
    assert run(one.reporter.finish(Result())) == 1 + 2 + 4
    assert one.calls == ["update success"] * 4


def test_an_end_that_never_arrives_is_given_up_when_the_coordinator_has_given_the_job_up() -> None:
    one = scene(Coordinator([RemoteError("gone") for _ in range(1000)]))
    seconds = run(one.reporter.finish(Result()))
    assert FINAL_SECONDS <= seconds < FINAL_SECONDS + 60
    assert len(one.calls) == 6 + 60


def test_an_end_is_known_here_before_it_is_told_and_after_the_whole_log() -> None:
    one = scene(Coordinator([RemoteError("gone")]))
    settled: list[tuple[bytes, str]] = []
    one.reporter.settled = lambda update: settled.append((one.coordinator.log, update.state))
    one.trace.write(b"hello\n")
    run(one.reporter.finish(Result("script_failure", 3)))
    assert settled == [(b"hello\n", "failed")]


def test_a_coordinator_whose_log_is_another_gets_all_of_it_again() -> None:
    one = scene(Coordinator([Answer(202, "running"), Answer(412, "running")]))
    one.trace.write(b"hello\n")
    one.trace.acknowledge(6)
    one.coordinator.refusals.pop(0)
    run(one.reporter.finish(Result()))
    assert one.calls == ["update success", "trace 0+6", "update success"]
    assert one.coordinator.log == b"hello\n"


def test_an_end_that_is_still_worked_on_is_asked_for_again() -> None:
    one = scene(Coordinator([Answer(202, "running", interval=5.0), Answer(202, "running")]))
    assert run(one.reporter.finish(Result())) == (5 + 1) + (1 + 2)
    assert one.calls == ["update success"] * 3


def test_a_job_that_is_not_ours_any_more_needs_no_end() -> None:
    one = scene(Coordinator([Answer(403, "")]))
    one.trace.write(b"hello\n")
    assert run(one.reporter.finish(Result())) == 0
    assert one.calls == ["trace 0+6"]


def test_a_coordinator_that_has_less_says_from_where() -> None:
    one = scene(Coordinator(log=b"hel"))
    one.trace.write(b"hello\n")
    one.trace.acknowledge(5)
    assert run(one.reporter.finish(Result())) == 0
    assert one.calls == ["trace 5+1", "trace 3+3", "update success"]
    assert one.coordinator.log == b"hello\n"


@pytest.mark.parametrize("status", [400, 409, 413, 416])
def test_a_part_that_is_refused_is_not_sent_again_at_once_and_keeps_no_end_from_being_told(
    status: int,
) -> None:
    one = scene(Coordinator([Answer(status, "running") for _ in range(FINAL_TRIES)]))
    one.trace.write(b"hello\n")
    assert run(one.reporter.finish(Result())) > 100
    assert one.calls == ["trace 0+6"] * FINAL_TRIES + ["update success"]


def test_a_growing_log_is_sent_as_it_grows() -> None:
    one = scene()

    async def work() -> None:
        one.trace.write(b"one\n")
        following = asyncio.create_task(for_a_while(one, 3))
        await asyncio.sleep(1)
        one.trace.write(b"two\n")
        await following

    run(work())
    assert one.calls == ["trace 0+4", "trace 4+4"]
    assert [round(at - 1000, 3) for at in one.coordinator.times] == [0.3, 1.3]
    assert one.coordinator.log == b"one\ntwo\n"
    assert one.heard == []


def test_a_silent_job_gives_signs_of_life() -> None:
    one = scene()
    run(for_a_while(one, 100))
    assert one.calls == ["update running"] * 3
    assert all(after - before > 30 for before, after in pairwise(one.coordinator.times))


def test_a_coordinator_that_is_away_misses_nothing() -> None:
    one = scene(Coordinator([RemoteError("gone"), RemoteError("gone")]))
    one.trace.write(b"hello\n")
    run(for_a_while(one, 20))
    assert one.coordinator.log == b"hello\n"
    assert [round(at - 1000, 3) for at in one.coordinator.times] == [0.3, 5.3, 10.3]
    assert one.heard == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(202, "canceled"),
        Answer(202, "failed"),
        Answer(401, ""),
        Answer(403, ""),
        Answer(404, ""),
    ],
)
def test_a_job_that_is_over_for_the_coordinator_is_ended(answer: Answer) -> None:
    one = scene(Coordinator([answer]))
    one.trace.write(b"hello\n")
    run(for_a_while(one, 0.5))
    assert one.heard == ["abort"]


def test_a_silent_job_hears_of_its_end_with_a_sign_of_life() -> None:
    one = scene(Coordinator(job_status="canceled"))
    run(for_a_while(one, 32))
    assert one.heard == ["abort"]


def test_a_job_that_is_being_canceled_may_end_well() -> None:
    one = scene(Coordinator(job_status="canceling"))
    one.trace.write(b"hello\n")
    run(for_a_while(one, 0.5))
    assert one.heard == ["cancel"]
    assert one.trace.sent == 6
    run(one.reporter.finish(Result("job_canceled")))
    assert one.calls[-1] == "update failed"
