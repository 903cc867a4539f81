"""Stages that are tried more than once."""

from __future__ import annotations

import asyncio
import time

import pytest

from shipline.errors import EngineError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import RunnerSection
from shipline.runner.executor.shell import ShellExecutor
from shipline.runner.failure import JobFailed
from shipline.runner.folders import job_folders
from shipline.runner.git import git_options
from shipline.runner.masking import Masker
from shipline.runner.slots import Slot
from shipline.runner.stages.context import Context, attempts_of
from shipline.runner.stages.sources import sources_script
from shipline.runner.trace import Trace
from shipline.runner.variables import job_variables

KEY = "GET_SOURCES_ATTEMPTS"


def scene(**values: str) -> tuple[Context, list[float]]:
    section = RunnerSection("r", "http://c/ci", "glrt-0123456789abc", executor="shell")
    payload = JobPayload.model_validate(
        {
            "id": 7,
            "token": "glcbt-x",
            "job_info": {"name": "test", "project_id": 3, "project_full_path": "acme/app"},
            "git_info": {"repo_url": "http://u:s3cret@c/acme/app.git", "ref": "main", "sha": "a" * 40},
            "variables": [{"key": key, "value": value} for key, value in values.items()],
        }
    )
    trace = Trace(Masker([]), 1 << 20, time.time)
    folders = job_folders(payload, section, Slot(), "/home/me")
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    executor = ShellExecutor(folders, trace, "unique")
    variables = job_variables(payload, section, 600, folders)
    return Context(payload, section, trace, variables, executor, pause=pause), paused


def tried(context: Context, *ends: int | EngineError) -> tuple[int, int]:
    """The exit code in the end, and how often it was tried."""
    calls = 0

    async def attempt(number: int) -> int:
        nonlocal calls
        calls += 1
        assert number == calls
        end = ends[number - 1]
        if isinstance(end, EngineError):
            raise end
        return end

    return asyncio.run(context.attempted(KEY, "Getting the sources", attempt)), calls


def test_without_a_variable_a_stage_is_tried_once() -> None:
    context, paused = scene()
    assert tried(context, 5) == (5, 1)
    assert paused == []


def test_it_is_tried_until_it_goes_well_with_longer_and_longer_pauses() -> None:
    context, paused = scene(**{KEY: "10"})
    assert tried(context, 1, 1, EngineError("x"), 1, 1, 1, 1, 0) == (0, 8)
    assert paused == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0]
    assert "attempt 3 of 10; trying again" in context.trace.content.decode()


def test_the_last_failure_is_the_stages() -> None:
    context, _ = scene(**{KEY: "2"})
    assert tried(context, 1, 7) == (7, 2)
    with pytest.raises(EngineError, match="gone"):
        tried(context, 1, EngineError("gone"))


@pytest.mark.parametrize("text", ["0", "11", "-1", "two", "1.5", "²"])
def test_a_number_that_gitlab_would_not_take_is_refused(text: str) -> None:
    context, _ = scene(**{KEY: text})
    with pytest.raises(JobFailed, match=rf"{KEY}: number of attempts out of the range \[1, 10\]"):
        attempts_of(context.variables, KEY)


def test_a_second_attempt_at_the_sources_begins_with_an_empty_folder() -> None:
    context, _ = scene()
    options = git_options(context.payload, context.variables)
    emptied = f"rm -rf '\\''{context.folders.project}'\\''; mkdir -p"
    assert emptied not in sources_script(context, options)
    assert emptied in sources_script(context, options, again=True)


def test_the_script_for_the_sources_holds_no_credentials_in_an_address() -> None:
    context, _ = scene()
    script = sources_script(context, git_options(context.payload, context.variables))
    assert "s3cret" not in script
    assert "Authorization: Basic " in script


def test_the_coordinators_api_is_at_the_clone_address_where_there_is_one() -> None:
    context, _ = scene()
    assert context.api == "http://c/api/v4"
