"""The same tests over SQLite and over PostgreSQL: `pytestmark = on_both_databases` in a module. Its tests that use
the shared coordinator run twice (conftest.py)."""

from __future__ import annotations

import pytest

on_both_databases = pytest.mark.on_both_databases
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))
