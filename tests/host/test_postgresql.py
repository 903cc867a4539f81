"""Which PostgreSQL is found, and a server that goes away with everything it was."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.ports import free_port

from shipline.host.postgresql import ensure_postgresql, find, server


def programs(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names or ("initdb", "postgres"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_newest_of_the_distribution_s_versions_is_found(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        programs(tmp_path / "versions" / version / "bin")
    assert find("", tmp_path / "versions") == tmp_path / "versions" / "17" / "bin"


def test_a_version_without_its_server_is_passed_over(tmp_path: Path) -> None:
    programs(tmp_path / "versions" / "17" / "bin", "initdb")
    there = programs(tmp_path / "versions" / "15" / "bin")
    assert find("", tmp_path / "versions") == there


def test_one_on_the_search_path_will_do(tmp_path: Path) -> None:
    there = programs(tmp_path / "bin")
    assert find(str(there), tmp_path / "versions") == there
    assert find(str(tmp_path), tmp_path / "versions") is None


@pytest.mark.postgresql
def test_a_server_is_there_and_then_gone_with_its_data() -> None:
    with server(ensure_postgresql(print), port=free_port()) as running:
        with psycopg.connect(running.create_database("one")) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("one",)
        assert running.process is not None
        assert running.folder.exists()
    assert running.process.poll() is not None
    assert not running.folder.exists()
