"""What tests of several rooms share: a PostgreSQL server, and tests that run over both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shipline.host.postgresql import Server, ensure_postgresql, server
from tests.coordinator.databases import DATABASES, FIXTURES
from tests.order import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.ports import free_port
from tests.temporary import remove_temporary_folders

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]


def pytest_sessionfinish() -> None:
    """A worker may be ended before it has come to its own end."""
    remove_temporary_folders()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("on_both_databases"):
        for name in FIXTURES & set(metafunc.fixturenames):
            metafunc.parametrize(name, DATABASES, indirect=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for all tests; each has databases of its own. What its disk keeps is not tested."""
    with server(ensure_postgresql(print), {"fsync": "off"}, free_port()) as started:
        yield started
