"""With a coordinator that takes registration tokens and gives tokens an end: the life of such a runner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Place
from tests.coordinator.server import Coordinator, running, until
from tests.runner.process import managing

from shipline.config import Config, Runners
from shipline.runner.config_file import load


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    runners = Runners(allow_registration_token=True, token_expiration_seconds=3600)
    with running(tmp_path_factory.mktemp("older"), Config(runners=runners)) as started:
        yield started


def test_a_runner_is_made_by_a_registration_token_its_token_is_exchanged_in_time_and_it_is_deleted(
    place: Place, path: Path, older: Coordinator
) -> None:
    project = older.project()
    made = older.root.post(f"projects/{project.id}/runners/reset_registration_token")
    words = ("--url", older.url, "--registration-token", made["token"], "--name", "old", "--tag-list", "a,b")
    ended = place.run(
        "runner", "register", "-c", str(path), "--non-interactive", "--executor", "shell", *words
    )
    assert ended.code == 0, ended.err
    (first,) = load(path).runners
    assert first.token_expires_at is not None
    assert sorted(older.root.get(f"runners/{first.id}")["tag_list"]) == ["a", "b"]
    # As if it had been there for days: less than a quarter of its life is left.
    text = re.sub(
        r"(?m)^token_obtained_at = .*$", "token_obtained_at = 2020-01-01T00:00:00Z", path.read_text()
    )
    with managing(path.parent, text) as manager:
        until(lambda: load(path).runners[0].token != first.token, "the token is exchanged")
        second = load(path).runners[0]
        assert second.token_expires_at is not None
        assert second.token_expires_at > first.token_expires_at
        until(lambda: "has a new token" in manager.log, "it says so")
        assert manager.runners()["old"]["state"] == "online"
        verified = place.run("runner", "verify", "-c", str(path))
        assert verified.code == 0, verified.err
    left = place.run("runner", "unregister", "-c", str(path), "--name", "old")
    assert (left.code, load(path).runners) == (0, ()), left.err
    assert "the runner is deleted" in left.out
    assert older.root.call("GET", f"runners/{first.id}").status_code == 404
