"""Which browser the tests of the pages get, and what is said where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipline.errors import HostError
from shipline.host.browser import find, refuse_snap, runs

STUB = "#!/bin/sh\necho 'Command requires the chromium snap to be installed.' >&2\nexit 1\n"
BROWSER = '#!/bin/sh\n[ "$1" = --version ] && echo "Chromium 1"\n'


def program(folder: Path, name: str, text: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_the_browser_that_is_there_is_taken(tmp_path: Path) -> None:
    there = program(tmp_path, "google-chrome", BROWSER)
    assert find(str(tmp_path)) == there
    chromium = program(tmp_path, "chromium", BROWSER)
    assert find(str(tmp_path)) == chromium


def test_a_stub_that_asks_for_a_snap_is_not_taken_for_a_browser(tmp_path: Path) -> None:
    program(tmp_path, "chromium-browser", STUB)
    assert find(str(tmp_path)) is None
    chrome = program(tmp_path, "google-chrome-stable", BROWSER)
    assert find(str(tmp_path)) == chrome


def test_no_browser_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert find(str(tmp_path) + os.pathsep + "/nowhere") is None
    assert not runs(str(tmp_path / "missing"))


@pytest.mark.parametrize("line", ["ID=ubuntu", 'ID="ubuntu"'])
def test_on_ubuntu_the_stub_is_named_instead_of_installed(line: str) -> None:
    with pytest.raises(HostError, match="stub that asks for the snap") as caught:
        refuse_snap(f"NAME=Ubuntu\n{line}\nID_LIKE=debian\n")
    assert "google-chrome-stable" in caught.value.hint


@pytest.mark.parametrize("text", ["", "ID=debian\nVERSION_ID=12\n", "ID=linuxmint\nID_LIKE=ubuntu\n"])
def test_elsewhere_the_distribution_s_chromium_is_a_browser(text: str) -> None:
    refuse_snap(text)
