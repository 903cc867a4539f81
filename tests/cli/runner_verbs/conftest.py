"""A real coordinator, and one that answers what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.coordinator.server import Coordinator, Project, Runner, running
from tests.runner.scripted import Scripted, scripted


@pytest.fixture(scope="session")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def token(project: Project) -> Runner:
    """A runner that was made in the coordinator."""
    return project.runner()


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as started:
        yield started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runner" / "config.toml"
