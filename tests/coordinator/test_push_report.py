"""What is told to whoever waits for a pipeline's end, as transcripts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipline.coordinator.push_report import Seen, SeenJob, lines_between, tail_of, took

URL = "http://gitlab.example/acme/app/-"
BUILD = SeenJob("build", "build", "created", url=f"{URL}/jobs/1")
TEST = SeenJob("test", "test", "created", url=f"{URL}/jobs/2")
DEPLOY = SeenJob("deploy", "deploy", "created", url=f"{URL}/jobs/3")
START = Seen(12, "pending", f"{URL}/pipelines/12", jobs=(BUILD, TEST, DEPLOY))


def test_a_pipeline_from_its_beginning_to_its_end() -> None:
    built = replace(BUILD, status="success", seconds=12.3)
    deployed = replace(
        DEPLOY, status="success", seconds=61, environment="production", address="https://app.example"
    )
    moments = (
        START,
        replace(START, status="running", jobs=(replace(BUILD, status="running"), TEST, DEPLOY)),
        replace(START, status="running", jobs=(built, replace(TEST, status="running"), DEPLOY)),
        replace(
            START,
            status="success",
            seconds=80,
            jobs=(built, replace(TEST, status="success", seconds=0.4), deployed),
        ),
    )
    before, said = None, []
    for now in moments:
        said += lines_between(before, now)
        before = now
    assert said == [
        "build:",
        "  build: success after 12 s",
        "test:",
        "  test: success after 0.4 s",
        "deploy:",
        "  deploy: success after 1 min 1 s",
        "Pipeline #12: success after 1 min 20 s",
        "production: https://app.example",
    ]


def test_a_job_that_waits_for_what_may_never_come_is_told_once_with_the_reason() -> None:
    free = replace(START, jobs=(replace(BUILD, status="pending"), TEST, DEPLOY))
    stuck = replace(
        START, jobs=(replace(BUILD, status="pending", why="no runner has all of its tags: gpu"), TEST)
    )
    paused = replace(START, jobs=(replace(BUILD, status="pending", why="every runner is paused"), TEST))
    assert lines_between(None, free) == []
    assert lines_between(free, stuck) == ["build:", "  build: pending: no runner has all of its tags: gpu"]
    assert lines_between(stuck, stuck) == []
    assert lines_between(stuck, paused) == ["  build: pending: every runner is paused"]


def test_a_failure_is_told_with_its_reason_and_the_end_of_its_log() -> None:
    failed = replace(
        TEST,
        status="failed",
        seconds=3,
        why="script failure, exit code 1",
        tail=("E  assert 1 == 2", "1 failed"),
    )
    skipped = replace(DEPLOY, status="skipped", why="test did not succeed")
    now = replace(START, status="failed", jobs=(replace(BUILD, status="success"), failed, skipped))
    assert lines_between(replace(START, jobs=(replace(BUILD, status="success"), TEST, DEPLOY)), now) == [
        "test:",
        "  test: failed after 3 s: script failure, exit code 1",
        "  deploy: skipped: test did not succeed",
        "Pipeline #12: failed",
        "",
        f"test failed: script failure, exit code 1  {URL}/jobs/2",
        "  | E  assert 1 == 2",
        "  | 1 failed",
    ]


@pytest.mark.parametrize(
    ("names", "number", "lines"),
    [
        (("a: 1 is not 2", "b\x1b[31m"), 2, ["  2 tests failed:", "  x a: 1 is not 2", "  x b[31m"]),
        (("a",), 1, ["  1 test failed:", "  x a"]),
        (("a",), 5, ["  5 tests failed:", "  x a", "  and 4 more"]),
        ((), 5, ["  5 tests failed"]),
        ((), 0, []),
    ],
)
def test_failed_tests_stand_before_the_end_of_the_log(
    names: tuple[str, ...], number: int, lines: list[str]
) -> None:
    failed = replace(TEST, status="failed", tail=("1 failed",), failed_tests=names, tests_failed=number)
    now = replace(START, status="failed", jobs=(failed,))
    assert lines_between(now, now) == []
    told = lines_between(START, now)
    assert told[told.index("") + 1 :] == [f"test failed  {URL}/jobs/2", *lines, "  | 1 failed"]


def test_a_failure_that_is_allowed_is_a_line_and_no_more() -> None:
    failed = replace(TEST, status="failed", may_fail=True)
    now = replace(START, status="success", jobs=(replace(BUILD, status="success"), failed))
    assert lines_between(START, now)[-2:] == ["  test: failed (it may fail)", "Pipeline #12: success"]


def test_a_pipeline_that_waits_for_somebody_is_not_waited_for() -> None:
    now = replace(START, status="manual", jobs=(replace(DEPLOY, status="manual"),))
    assert lines_between(START, now) == [
        f"Pipeline #12 waits for somebody to start deploy: {URL}/pipelines/12"
    ]
    assert now.is_over


def test_nothing_new_is_nothing_said() -> None:
    assert lines_between(START, START) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-0.02, "0.0 s"), (0.04, "0.0 s"), (1, "1 s"), (60, "1 min"), (3661, "1 h 1 min 1 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert took(seconds) == words


def test_a_log_loses_what_moves_a_terminal() -> None:
    log = (
        b"section_start:1700000000:step_script\r\x1b[0K\x1b[36;1mRunning\x1b[0;m\r\n"
        b"10%\r100%\n\x1b]0;title\x07\x1b[2Jdone\x07\n\n"
        b"section_end:1700000000:step_script\r\x1b[0K"
    )
    assert tail_of(log) == ("Running", "100%", "done")


def test_only_the_last_lines_of_a_log_are_shown_and_none_is_too_long() -> None:
    log = "\n".join(f"line {number}" for number in range(50)) + "\n" + "x" * 5000
    found = tail_of(log.encode())
    assert (len(found), found[0], len(found[-1])) == (10, "line 41", 200)
