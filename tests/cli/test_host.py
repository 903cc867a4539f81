"""`shipline host run` as its users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def host_run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "shipline", "host", "run", *words)
    return subprocess.run(
        command, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    path = tmp_path / "browser"
    path.write_text("#!/bin/sh\necho Chromium 1\n")
    path.chmod(0o755)
    return path


def test_the_command_gets_the_browser_and_its_exit_code_is_ours(browser: Path) -> None:
    words = ("--no-engine", "--browser", "--", "sh", "-c", 'echo "$SHIPLINE_BROWSER"; exit 7')
    ended = host_run(*words, SHIPLINE_BROWSER=str(browser))
    assert (ended.returncode, ended.stdout) == (7, f"{browser}\n"), ended.stderr


def test_a_browser_that_does_not_run_is_told_before_the_command_starts(browser: Path) -> None:
    browser.write_text("#!/bin/sh\nexit 1\n")
    words = ("--no-engine", "--browser", "--", "echo", "never")
    ended = host_run(*words, SHIPLINE_BROWSER=str(browser))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"shipline: SHIPLINE_BROWSER is {browser}, which does not run.\n"


def test_images_without_an_engine_are_refused() -> None:
    ended = host_run("--no-engine", "--images", "--", "true")
    assert ended.returncode == 2
    assert "leave --no-engine out" in ended.stderr
