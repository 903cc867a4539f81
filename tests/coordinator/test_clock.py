"""The clock of the machine jumps, and is set right again: what the coordinator has done meanwhile. It is told the
time here, over the data folder of one that has ended; how it decides is test_sweep_plan's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.coordinator.server import Coordinator

CI = """
deploy: {script: make, environment: {name: qa, auto_stop_in: 1 day}}
build: {script: make}
"""
# Answers, after each look: the environment's state, build's status, and when the schedule runs next.
LOOKS = """
import asyncio, json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from shipline import config
from shipline.config import DataFolder
from shipline.coordinator import setup
data = DataFolder(Path(sys.argv[1]))
settings = config.load(data)
setup.configure(data, settings, None)
from django.utils import timezone
from shipline.coordinator import schedules
from shipline.coordinator.events import Events
from shipline.coordinator.models import Environment, Job, PipelineSchedule
from shipline.coordinator.repositories import Repositories
from shipline.coordinator.services import Services, install
from shipline.coordinator.sweeps import Sweeper
events = Events(asyncio.new_event_loop())
repositories = Repositories(data.coordinator / "repositories")
install(Services(data, settings, events, repositories, ThreadPoolExecutor(1)))
sweeper, begin, found = Sweeper(), timezone.now(), []
for wall, steady in json.loads(sys.argv[2]):
    now = begin + timedelta(seconds=wall)
    sweeper.sweep(now, steady)
    schedules.run_due(now)
    days = (PipelineSchedule.objects.get().next_run_at - begin).days
    found.append([Environment.objects.get().state, Job.objects.filter(name="build").first().status, days])
print(json.dumps(found))
"""
DAY, YEAR = 86400, 365 * 86400


def looks(coordinator: Coordinator, *times: tuple[int, int]) -> list[list[Any]]:
    """`times`: the wall clock after so many seconds, and the one that only goes on."""
    words = [sys.executable, "-c", LOOKS, str(coordinator.data.root), json.dumps(times)]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    return list(json.loads(told.stdout))


def test_a_clock_that_jumps_by_a_year_and_back_stops_no_environment_fails_no_job_and_keeps_schedules(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    project.work_tree(tmp_path / "tree").ship(CI)
    jobs = project.runner().take_all()
    jobs["deploy"].succeed()
    body = {"ref": "main", "description": "Yearly", "cron": "0 0 1 1 *"}
    project.root.post(f"projects/{project.id}/pipeline_schedules", body)
    own_coordinator.end()
    at_first, jumped, right_again = looks(own_coordinator, (0, 0), (YEAR, 1), (2, 2))
    assert at_first[:2] == jumped[:2] == right_again[:2] == ["available", "running"]
    assert jumped[2] >= 365
    assert right_again[2] == at_first[2]
    # Time that has really gone by counts.
    (_, later) = looks(own_coordinator, (0, 0), (2 * DAY, 2 * DAY))
    assert later[:2] == ["stopped", "failed"]
