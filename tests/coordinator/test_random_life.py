"""Runners, people and time do what they do in random order: nothing stands still, is lost, or is two things at once.

`random_life.py` may be run by hand with other seeds, for as long as somebody likes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shipline.host.postgresql import Server

PROGRAM = Path(__file__).with_name("random_life.py")


def live(folder: Path, seed: int, *, pipelines: int, events: int, threads: int, url: str = "") -> str:
    """What is wrong, with what was done before."""
    words = [sys.executable, str(PROGRAM), str(folder), *map(str, (seed, pipelines, events, threads))]
    told = subprocess.run([*words, *([url] if url else [])], capture_output=True, text=True, timeout=600)
    return told.stdout + told.stderr


def test_one_thing_after_the_other(tmp_path: Path) -> None:
    assert live(tmp_path / "data", 1, pipelines=3, events=30, threads=1) == ""


@pytest.mark.postgresql
def test_many_things_at_once(postgresql: Server, tmp_path: Path) -> None:
    url = postgresql.create_database("random_life")
    assert live(tmp_path / "data", 1, pipelines=2, events=25, threads=6, url=url) == ""
