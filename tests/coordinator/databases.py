"""The same tests over SQLite and over PostgreSQL: `pytestmark = on_both_databases` in a module."""

from __future__ import annotations

import pytest

on_both_databases = pytest.mark.parametrize(
    "coordinator",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
    indirect=True,
    scope="session",
)
