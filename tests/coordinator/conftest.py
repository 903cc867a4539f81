"""One coordinator for all tests that can share one; each has a project, a work tree and runners of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.coordinator.databases import DATABASES
from tests.coordinator.server import Coordinator, Project, Runner, WorkTree, running
from tests.ports import free_port

from shipline.config import Config, Registry
from shipline.host.postgresql import Server, ensure_postgresql, server

_databases = count(1)
REGISTRY = Registry(
    address="registry.shipline.internal:5000",
    engine_address="127.0.0.1:5000",
    aliases=("gitlab.example.com",),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "coordinator" in metafunc.fixturenames and metafunc.definition.get_closest_marker("on_both_databases"):
        metafunc.parametrize("coordinator", DATABASES, indirect=True, scope="session")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for all tests; each has databases of its own. What its disk keeps is not tested."""
    with server(ensure_postgresql(print), {"fsync": "off"}, free_port()) as started:
        yield started


@pytest.fixture(scope="session")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    """Over SQLite, unless a module says that it is `on_both_databases`."""
    url = ""
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgresql").create_database(f"shared{next(_databases)}")
    with running(tmp_path_factory.mktemp("coordinator"), Config(registry=REGISTRY), url) as started:
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
