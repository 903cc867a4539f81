from __future__ import annotations

from pathlib import Path

import pytest

from shipline.config import DataFolder
from shipline.errors import UsageError
from shipline.supervisor import state

RUNNING = state.Running(
    pid=1,
    docker_host="unix:///x",
    coordinator_url="http://127.0.0.1:8080",
    registry_address="registry.shipline.internal:5050",
    registry_engine_address="127.0.0.1:5050",
    aws_endpoint_url="http://127.0.0.1:4566",
    aws_container_url="http://172.17.0.1:4566",
    admin_token_file="/d/token",
    aws_credentials_file="/d/credentials",
    programs={"coordinator": 2},
)


def test_what_runs_can_be_read_while_the_lock_is_held(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    with state.hold(data):
        assert state.read(data) is None
        state.write(data, RUNNING)
        assert state.read(data) == RUNNING
    assert state.read(data) is None


def test_a_file_that_a_killed_process_left_is_not_believed(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    data.run.mkdir()
    state.write(data, RUNNING)
    assert state.read(data) is None


def test_a_second_system_on_one_data_folder_is_refused(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    with state.hold(data), pytest.raises(UsageError, match="runs already"), state.hold(data):
        pass


def test_status_shows_what_clients_need(tmp_path: Path) -> None:
    document = RUNNING.document()
    assert document["coordinator"]["url"] == "http://127.0.0.1:8080"
    assert document["registry"]["address"] == "registry.shipline.internal:5050"
    assert document["aws"]["endpoint_url"] == "http://127.0.0.1:4566"
    assert document["admin_token_file"] == "/d/token"
