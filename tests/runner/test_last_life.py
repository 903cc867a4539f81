"""What becomes of a killed runner's jobs: what is removed, and what the coordinator is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runner.scripted import Asked, Reply, Scripted, scripted

from shipline.errors import RemoteError
from shipline.protocols.runner_api import JobUpdate, TraceOutput
from shipline.runner.coordinator_client import CoordinatorClient
from shipline.runner.journal import Entry
from shipline.runner.last_life import TRIES, clear, tell

ENTRY = Entry("http://coordinator/", 7, "glcbt-x")
RUNNING = {"Job-Status": "running"}


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as started:
        started.says("PUT /jobs/7", knows_it_running)
        yield started


def knows_it_running(asked: Asked) -> Reply:
    return Reply(400 if asked.json()["state"] == "pending" else 200, headers=RUNNING)


async def told(script: Scripted, entry: Entry = ENTRY) -> str:
    async with CoordinatorClient(script.url, "glrt-x", "s_0123456789ab", time.time) as client:
        return await tell(client, entry)


def states(script: Scripted) -> list[str]:
    return [one.json()["state"] for one in script.calls("PUT /jobs/7")]


@pytest.mark.parametrize("size", [0, 6])
async def test_the_end_of_an_interrupted_job_comes_after_what_its_log_holds(
    script: Scripted, size: int
) -> None:
    def takes_what_follows(asked: Asked) -> Reply:
        start = int(asked.headers["Content-Range"].partition("-")[0])
        status = 202 if start == size else 416
        return Reply(status, headers={"Range": f"0-{size}", **RUNNING})

    script.says("PATCH /jobs/7/trace", takes_what_follows)
    assert await told(script) == "was interrupted by the death of this runner"
    added = script.calls("PATCH /jobs/7/trace")[-1]
    assert added.headers["Content-Range"].startswith(f"{size}-")
    assert b"the runner was killed, and started again" in added.content
    assert states(script) == ["pending", "failed"]
    assert script.asked[-1].json()["failure_reason"] == "runner_system_failure"


async def test_a_job_that_was_not_begun_goes_back_and_its_log_says_nothing(script: Scripted) -> None:
    script.says("PUT /jobs/7", Reply(200, headers={"Job-Status": "pending"}), Reply(400))
    assert "was not begun" in await told(script)
    assert states(script) == ["pending", "failed"]
    assert not script.calls("PATCH /jobs/7/trace")


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_coordinator_that_knows_the_job_no_more_is_content(script: Scripted, status: int) -> None:
    script.says("PUT /jobs/7", Reply(status))
    assert await told(script) == "is over"
    assert len(script.asked) == 1


@pytest.mark.parametrize("state", ["success", "failed"])
async def test_a_job_of_which_only_the_end_was_not_told_ends_as_it_did(script: Scripted, state: str) -> None:
    update = JobUpdate(state=state, exit_code=3, checksum="crc32:1", output=TraceOutput(bytesize=9))
    entry = replace(ENTRY, update=update)
    assert f"had come to its end ({state})" in await told(script, entry)
    (asked,) = script.asked
    assert (asked.json()["state"], asked.json()["exit_code"]) == (state, 3)
    assert asked.json()["output"]["bytesize"] == 9


async def test_a_coordinator_that_is_still_storing_the_log_is_told_again_but_not_for_ever(
    script: Scripted,
) -> None:
    busy = Reply(202, headers={"X-GitLab-Trace-Update-Interval": "0"})
    script.says("PUT /jobs/7", busy, busy, Reply(200))
    entry = replace(ENTRY, update=JobUpdate(state="success"))
    await told(script, entry)
    assert states(script) == ["success"] * 3
    script.says("PUT /jobs/7", Reply(202, headers={"X-GitLab-Trace-Update-Interval": "0"}))
    await told(script, entry)
    assert len(states(script)) == 3 + TRIES


async def test_nobody_there_is_an_error() -> None:
    with pytest.raises(RemoteError):
        async with CoordinatorClient("http://127.0.0.1:9", "glrt-x", "s_0123456789ab", time.time) as client:
            await tell(client, ENTRY)


def test_the_secrets_of_an_interrupted_job_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "app.tmp"
    folder.mkdir()
    (folder / "KEY").write_text("secret")
    (tmp_path / "app").mkdir()
    clear([ENTRY, replace(ENTRY, folder=str(folder)), replace(ENTRY, folder=str(tmp_path / "gone.tmp"))])
    assert [one.name for one in tmp_path.iterdir()] == ["app"]
