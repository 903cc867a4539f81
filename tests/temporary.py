"""Folders that live as long as a process of tests: removed when its session ends, and at the latest with it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

_made: list[Path] = []


def temporary_folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="shipline-tests-"))
    _made.append(made)
    return made


@atexit.register
def remove_temporary_folders() -> None:
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)
