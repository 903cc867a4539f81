"""The same tests over SQLite and over PostgreSQL: `pytestmark = on_both_databases` in a module. Its tests that use
one of FIXTURES run twice (tests/conftest.py); such a fixture asks `database_url` where it shall keep its rows."""

from __future__ import annotations

from itertools import count

import pytest

on_both_databases = pytest.mark.on_both_databases
FIXTURES = frozenset({"coordinator", "impatient"})
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))
_numbers = count(1)


def database_url(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite, else that of a new database."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    url: str = request.getfixturevalue("postgresql").create_database(f"shared{next(_numbers)}")
    return url
