"""A job in a runner's hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.coordinator.databases import database_url
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import Coordinator, Job, Runner, WorkTree, running

from shipline.config import Config, RateLimits, Runners


@pytest.fixture
def job(work_tree: WorkTree, runner: Runner) -> Job:
    """The one job of a pipeline, taken."""
    work_tree.ship(CI)
    return runner.take()


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """Lets registration tokens make runners, and few calls through."""
    limits = RateLimits(job_requests=5, job_traces=3, job_calls=6)
    settings = Config(runners=Runners(allow_registration_token=True), rate_limits=limits)
    with running(tmp_path_factory.mktemp("strict"), settings) as started:
        yield started


@pytest.fixture(scope="session")
def impatient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    """Waits seconds where others wait minutes: more of them than a few calls take on a machine at its limit. Its
    tokens end after an hour."""
    settings = Config(
        runners=Runners(token_expiration_seconds=3600, silence_seconds=6, acknowledge_seconds=6)
    )
    with running(tmp_path_factory.mktemp("impatient"), settings, database_url(request)) as started:
        yield started
