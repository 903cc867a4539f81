"""Coordinator and runners die at any moment; no job is lost, and none is done twice."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.scenarios.kill_findings import Attempt, Findings, Seen
from tests.scenarios.kills import Plan, kills

SMALL = Plan(seed=1, kills=8, pipelines=2, stages=3, width=4)


@pytest.mark.scenario
def test_programs_that_are_killed_at_random_finish_every_job_once_and_leave_nothing(
    tmp_path: Path, docker_host: str
) -> None:
    found = kills(SMALL, tmp_path, docker_host, lambda line: print(line, file=sys.stderr))
    print(found.final(), found.lost(), found.kills, f"{found.seconds:.0f} s", file=sys.stderr)
    assert found.faults() == []
    assert sum(found.kills.values()) == SMALL.kills
    assert found.final()["success"] > 0


WELL = Findings(
    seed=1,
    jobs=2,
    kills={"runner": 1},
    seconds=1.0,
    attempts=[
        Attempt(1, 1, "a", "failed", "runner_system_failure", retried=True, log_whole=False),
        Attempt(2, 1, "b", "success"),
        Attempt(3, 1, "a", "success"),
    ],
    pipelines={1: "success"},
    shas={"abc": 1},
    begun={1: 1, 2: 1, 3: 1},
    ended={2: 1, 3: 1},
)


def test_a_run_in_which_all_went_well_has_no_faults() -> None:
    assert WELL.faults() == []
    assert WELL.final() == {"success": 2}
    assert WELL.lost() == {"runner_system_failure": 1}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (replace(WELL, begun={1: 2, 2: 1, 3: 1}), "was begun 2 times"),
        (replace(WELL, ended={2: 1}), "came to its end 0 times"),
        (replace(WELL, attempts=[*WELL.attempts[:2], Attempt(3, 1, "a", "running")]), "has no end"),
        (
            replace(WELL, attempts=[*WELL.attempts[:2], Attempt(3, 1, "a", "success", log_whole=False)]),
            "whole",
        ),
        (
            replace(WELL, attempts=[*WELL.attempts[:2], Attempt(3, 1, "a", "failed", "script_failure")]),
            "none of",
        ),
        (replace(WELL, attempts=[*WELL.attempts, Attempt(4, 1, "a", "skipped")]), "2 newest attempts"),
        (replace(WELL, jobs=3), "2 jobs instead of 3"),
        (replace(WELL, begun=dict(WELL.begun) | {9: 1}), "nobody knows"),
        (replace(WELL, pipelines={1: "running"}), "pipeline 1 is running"),
        (replace(WELL, shas={"abc": 2}), "has 2 pipelines"),
        (replace(WELL, left=["volume x"]), "volume x is left on the engine"),
        (replace(WELL, journal=["x.json"]), "left in the journal"),
        (replace(WELL, raised=["ValueError: x"]), "ValueError"),
    ],
)
def test_what_went_wrong_in_a_run_is_told(wrong: Findings, told: str) -> None:
    assert told in " / ".join(wrong.faults())


def test_a_finished_job_that_changes_is_seen_and_a_skipped_one_may_come_back() -> None:
    seen = Seen()
    for job, status in ((1, "failed"), (2, "skipped"), (3, "success"), (2, "created"), (3, "running")):
        seen.look(1, job, f"job-{job}", status)
    assert seen.wrong == ["job 3 (job-3) was success, and became running"]
    assert seen.finished == 1
