"""What a job waits for, by the words of its page."""

from __future__ import annotations

import pytest

from shipline.model.definition import Need
from shipline.model.status import JobStatus
from shipline.pipeline import JobState, PipelineState
from shipline.pipeline.awaited import awaited, told

S = JobStatus
JOBS = (
    JobState(1, "build", 0, S.SUCCESS),
    JobState(2, "lint", 0, S.RUNNING),
    JobState(3, "old", 0, S.FAILED, retried=True),
    JobState(4, "approve", 1, S.MANUAL),
    JobState(5, "optional", 1, S.MANUAL, allow_failure=True),
    *(JobState(10 + number, f"test {number}", 1) for number in range(4)),
)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (JobState(99, "a", 0), ""),
        (JobState(99, "a", 1), "waits for lint"),
        (JobState(99, "a", 2), "waits for lint, approve, which somebody has to start, test 0 and 3 more"),
        (JobState(99, "a", 2, needs=()), ""),
        (JobState(99, "a", 2, needs=(Need("build"), Need("lint"))), "waits for lint"),
        (JobState(99, "a", 2, needs=(Need("lint"), Need("test 1"))), "waits for lint and test 1"),
        (JobState(99, "a", 2, needs=(Need("optional"),)), "waits for optional, which somebody has to start"),
        (JobState(99, "a", 2, needs=(Need("not there", optional=True),)), ""),
    ],
)
def test_a_job_names_what_it_waits_for(job: JobState, words: str) -> None:
    assert told(awaited(PipelineState((*JOBS, job)), job)) == words


def test_three_are_all_named() -> None:
    job = JobState(99, "a", 3, needs=tuple(Need(f"test {number}") for number in range(3)))
    assert told(awaited(PipelineState(JOBS), job)) == "waits for test 0, test 1 and test 2"
