"""A Chromium for the tests of the pages: the one that is there, else the distribution's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from shipline import config
from shipline.errors import HostError
from shipline.host.packages import PATH, install

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core")
OS_RELEASE = Path("/etc/os-release")
ANSWER_SECONDS = 30.0
_SENTENCE = "There is no Chromium on this machine, and shipline cannot install one:"


def ensure_browser(progress: Callable[[str], None]) -> str:
    """The path of a Chromium: SHIPLINE_BROWSER's, one on PATH, or Debian's after installing it. Raises
    HostError, saying what to install."""
    if named := config.browser():
        if not runs(named):
            raise HostError(f"SHIPLINE_BROWSER is {named}, which does not run.")
        return named
    search = os.environ.get("PATH", "") + os.pathsep + PATH
    if found := find(search):
        return found
    refuse_snap(OS_RELEASE.read_text() if OS_RELEASE.exists() else "")
    install(PACKAGES, _SENTENCE, progress)
    if found := find(search):
        return found
    raise HostError(f"{_SENTENCE} the package chromium brought none that runs.")


def find(search: str) -> str | None:
    """The first browser of a search path that runs: Ubuntu's chromium-browser may be a stub that does not."""
    return next((path for path in _candidates(search) if runs(path)), None)


def _candidates(search: str) -> Iterator[str]:
    return (path for name in NAMES if (path := shutil.which(name, path=search)))


def runs(path: str) -> bool:
    """It can say its version."""
    try:
        ended = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def refuse_snap(os_release: str) -> None:
    """Raises HostError where apt would bring a stub of the snap instead of a browser."""
    values = dict(line.partition("=")[::2] for line in os_release.splitlines())
    if values.get("ID", "").strip("\"'") == "ubuntu":
        raise HostError(
            f"{_SENTENCE} Ubuntu's package chromium-browser is only a stub that asks for the snap.",
            hint="Install google-chrome-stable from Google's package, or run `snap install chromium`, "
            "then try again.",
        )
