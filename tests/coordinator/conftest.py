"""One coordinator for all tests that can share one; each has a project, a work tree and runners of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.coordinator.databases import database_url
from tests.coordinator.server import Coordinator, Project, Runner, WorkTree, running

from shipline.config import Config, Registry

REGISTRY = Registry(
    address="registry.shipline.internal:5000",
    engine_address="127.0.0.1:5000",
    aliases=("gitlab.example.com",),
)


@pytest.fixture(scope="session")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    """Over SQLite, unless a module says that it is `on_both_databases`."""
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, Config(registry=REGISTRY), database_url(request)) as started:
        yield started


@pytest.fixture
def own_coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    """For a test that stops it, or counts what is there."""
    with running(tmp_path / "data") as started:
        yield started


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(project: Project, tmp_path: Path) -> WorkTree:
    return project.work_tree(tmp_path / "work-tree")


@pytest.fixture
def runner(project: Project) -> Runner:
    return project.runner()
