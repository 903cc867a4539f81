"""A job in a runner's hands."""

from __future__ import annotations

import pytest
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import Job, Runner, WorkTree


@pytest.fixture
def job(work_tree: WorkTree, runner: Runner) -> Job:
    """The one job of a pipeline, taken."""
    work_tree.ship(CI)
    return runner.take()
