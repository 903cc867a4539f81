"""A folder with a configuration, and the real command run in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Place:
    root: Path

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def config(self, text: str) -> None:
        self.write(".gitlab-ci.yml", text)

    def git(self, *words: str) -> str:
        names = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        ended = subprocess.run(
            ["git", *names, *words], cwd=self.root, capture_output=True, text=True, check=True
        )
        return ended.stdout

    def run(self, *words: str, stdin: str = "") -> Ended:
        """The command as a person starts it, but in this Python: what it prints is not to a terminal."""
        ended = subprocess.run(
            [sys.executable, "-m", "shipline", *words],
            cwd=self.root,
            input=stdin,
            capture_output=True,
            text=True,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


Folder = Callable[[str], Place]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: Place(tmp_path_factory.mktemp(name))
