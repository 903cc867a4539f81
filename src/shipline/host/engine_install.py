"""Installs Docker Engine from the distribution's packages, where that is possible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from shipline.errors import HostError
from shipline.host.packages import PATH, install

PACKAGES = ("docker.io", "iptables", "ca-certificates")
_SENTENCE = "There is no Docker Engine on this machine, and shipline cannot install one:"


def ensure_installed(progress: Callable[[str], None]) -> str:
    """The path of `dockerd`, after installing it if need be. Raises HostError, saying what to install."""
    if found := shutil.which("dockerd", path=PATH):
        _need_root()
        return found
    _need_root()
    install(PACKAGES, _SENTENCE, progress)
    if found := shutil.which("dockerd", path=PATH):
        return found
    raise HostError(f"{_SENTENCE} the package docker.io brought no dockerd.")


def _need_root() -> None:
    if os.geteuid() != 0:
        raise HostError(
            f"{_SENTENCE} that needs root.",
            hint="Install Docker Engine (docker.io, or docker-ce), start it, and add yourself to the group docker.",
        )
