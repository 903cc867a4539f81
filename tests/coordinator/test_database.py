"""The setting that names the database: what it may be, and what is told when it is wrong. No password is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipline.config import take_database_url
from shipline.coordinator.database import settings_of
from shipline.errors import UsageError

FILE = Path("/data/coordinator/db.sqlite3")


def test_without_a_url_it_is_sqlite_in_the_data_folder() -> None:
    settings = settings_of(None, FILE)
    assert settings["ENGINE"].endswith("sqlite")
    assert settings["NAME"] == str(FILE)
    assert "synchronous=FULL" in settings["OPTIONS"]["init_command"]
    assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_a_url_names_user_password_host_port_database_and_options() -> None:
    settings = settings_of("postgresql://ship:p%40ss@db.example.com:5433/ci?sslmode=verify-full", FILE)
    assert settings["ENGINE"].endswith("postgresql")
    assert (settings["USER"], settings["PASSWORD"]) == ("ship", "p@ss")
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example.com", "5433", "ci")
    assert settings["OPTIONS"]["sslmode"] == "verify-full"


def test_a_host_may_be_the_folder_of_a_unix_socket() -> None:
    assert settings_of("postgres:///ci?host=/run/postgresql", FILE)["HOST"] == "/run/postgresql"
    assert settings_of("postgresql://%2Frun%2Fpostgresql/ci", FILE)["HOST"] == "/run/postgresql"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://ship:s3cret@db/ci", "does not begin with postgresql://"),
        ("postgresql://ship:s3cret@db", "names no database"),
        ("postgresql://ship:s3cret@db/", "names no database"),
        ("postgresql://ship:s3cret@db/a/b", "names no database"),
        ("postgresql://ship:s3[cret@db/ci", "is no URL"),
        ("postgresql://ship:s3cret@db:70000/ci", "is no URL"),
        ("postgresql://db/ci?password=s3cret", "'password', which cannot be set there"),
        ("postgresql://ship:s3cret@db/ci?sslmod=require", "'sslmod', which cannot be set there"),
    ],
)
def test_a_url_that_is_wrong_is_told_without_its_password(url: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings_of(url, FILE)
    assert said in str(refused.value)
    assert "s3" not in str(refused.value)
    assert refused.value.hint


def test_the_url_is_taken_out_of_the_environment_that_other_programs_inherit() -> None:
    environment = {"SHIPLINE_DATABASE_URL": "postgresql://db/ci", "PATH": "/bin"}
    assert take_database_url(environment) == "postgresql://db/ci"
    assert environment == {"PATH": "/bin"}
    assert take_database_url(environment) is None
