"""What a hand-out costs, in the only unit that is the same on every machine: questions to the database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.coordinator.server import Coordinator

# Who asks, which demands there are, the first job of one, how many wait, variables of all levels, how many run;
# then the job's row written, and its pipeline looked at.
MOST = 8
CI = "{}: {{script: make}}\n"
HAND_OUT = """
import asyncio, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shipline import config
from shipline.config import DataFolder
from shipline.coordinator import setup
data, token = DataFolder(Path(sys.argv[1])), sys.argv[2]
settings = config.load(data)
setup.configure(data, settings, None)
from django.db import connection
from django.test.utils import CaptureQueriesContext
from shipline.coordinator import queue, runners
from shipline.coordinator.events import Events
from shipline.coordinator.repositories import Repositories
from shipline.coordinator.services import Services, install
from shipline.protocols.runner_api import RunnerVersionInfo
events = Events(asyncio.new_event_loop())
repositories = Repositories(data.coordinator / "repositories")
install(Services(data, settings, events, repositories, ThreadPoolExecutor(1)))
def take():
    with CaptureQueriesContext(connection) as asked:
        handed = queue.take_job(runners.contact(token, "one", RunnerVersionInfo(), "127.0.0.1"))
    words = [one["sql"].split() for one in asked.captured_queries]
    return handed.payload is not None, [" ".join(one) for one in words if one[0] not in ("BEGIN", "COMMIT")]
# The first begins the pipeline, and its runner is new.
first, _ = take()
second, questions = take()
print(json.dumps([first and second, questions]))
"""


def asked(coordinator: Coordinator, token: str) -> list[str]:
    """The questions of the second hand-out of a coordinator that does nothing else."""
    words = [sys.executable, "-c", HAND_OUT, str(coordinator.data.root), token]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    handed, questions = json.loads(told.stdout)
    assert handed
    return list(questions)


@pytest.mark.parametrize("jobs", [3, 30])
def test_a_plain_job_s_hand_out_asks_the_database_eight_times_however_many_wait(
    own_coordinator: Coordinator, tmp_path: Path, jobs: int
) -> None:
    project = own_coordinator.project()
    instance = {"runner_type": "instance_type", "description": "for all", "run_untagged": True}
    token = own_coordinator.root.post("user/runners", instance)["token"]
    pushed = project.work_tree(tmp_path / "tree").ship("".join(CI.format(f"job {n}") for n in range(jobs)))
    assert pushed.ok
    assert own_coordinator.end() == 0
    questions = asked(own_coordinator, token)
    assert len(questions) <= MOST, "\n".join(questions)
