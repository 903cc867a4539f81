"""What a runner keeps beside its config: system id, lock, status."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from shipline.errors import UsageError
from shipline.runner.config_file import ConfigFile, RunnerSection
from shipline.runner.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "runner" / "config.toml")


def test_the_system_id_is_made_once_and_kept_where_gitlab_runner_keeps_it(home: Home) -> None:
    made = home.system_id()
    assert re.fullmatch(r"r_[0-9a-f]{12}", made)
    assert home.system_id() == made
    assert (home.config.parent / ".runner_system_id").read_text() == made


@pytest.mark.parametrize("known", ["s_0123456789ab", "r_AbCdEf012345\n"])
def test_a_system_id_of_gitlab_runner_s_stays(home: Home, known: str) -> None:
    home.config.parent.mkdir()
    (home.config.parent / ".runner_system_id").write_text(known)
    assert home.system_id() == known.strip()


@pytest.mark.parametrize("known", ["", "x", "r_../../../../a"])
def test_what_is_no_system_id_is_replaced(home: Home, known: str) -> None:
    home.config.parent.mkdir()
    (home.config.parent / ".runner_system_id").write_text(known)
    assert home.system_id() != known


def test_one_config_has_one_manager(home: Home) -> None:
    assert home.manager() is None
    with home.held():
        assert home.manager() is not None
        with pytest.raises(UsageError, match=r"works with .*config\.toml already"), home.held():
            pass
    assert home.manager() is None


def test_two_files_in_one_folder_have_a_manager_each(home: Home) -> None:
    other = Home(home.config.with_name("other.toml"))
    with home.held(), other.held():
        assert home.journal.folder != other.journal.folder
    assert home.system_id() == other.system_id()


def test_entries_without_an_owner_get_one_that_no_other_manager_has(home: Home) -> None:
    entries = (RunnerSection("a", "http://c", "t"), RunnerSection("b", "http://c", "u", owner="mine"))
    config = ConfigFile(runners=entries)
    first, second = home.settled(config).runners
    assert first.owner == f"shipline-runner-{home.system_id()}"
    assert second.owner == "mine"
    other = Home(home.config.with_name("other.toml"))
    assert other.settled(config).runners[0].owner == f"{first.owner}-other"


def test_certificates_beside_the_config_become_the_entry_s(home: Home) -> None:
    certs = home.config.parent / "certs"
    certs.mkdir(parents=True)
    (certs / "gitlab.example.crt").write_text("")
    entries = (RunnerSection("a", "https://gitlab.example/", "t"), RunnerSection("b", "https://c", "t"))
    first, second = home.settled(ConfigFile(runners=entries)).runners
    assert (first.tls_ca_file, second.tls_ca_file) == (str(certs / "gitlab.example.crt"), "")


@pytest.mark.parametrize("call", ["held", "system_id"])
def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path, call: str) -> None:
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file" / "config.toml")
    with pytest.raises(UsageError, match=r"cannot be written|No files can be made"):
        home.system_id() if call == "system_id" else home.held().__enter__()


def test_a_killed_manager_is_not_taken_for_a_running_one(home: Home) -> None:
    home.config.parent.mkdir()
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom shipline.runner.home import Home\n"
        "home = Home(Path(sys.argv[1]))\n"
        "with home.held():\n    home.write_status({'state': 'working'})\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(home.config)], check=False)
    assert home.read_status() == {"state": "working"}
    assert home.manager() is None


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_status_that_is_not_whole_is_none(home: Home, text: str) -> None:
    assert home.read_status() == {}
    home.config.parent.mkdir()
    (home.config.parent / "status.json").write_text(text)
    assert home.read_status() == {}
