"""Installs Docker Engine from the distribution's packages, where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from shipline.errors import HostError

PACKAGES = ("docker.io", "iptables", "ca-certificates")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SENTENCE = "There is no Docker Engine on this machine, and shipline cannot install one: "


def ensure_installed(progress: Callable[[str], None]) -> str:
    """The path of `dockerd`, after installing it if need be. Raises HostError, saying what to install."""
    if found := shutil.which("dockerd", path=PATH):
        _need_root()
        return found
    _need_root()
    install(PACKAGES, progress)
    if found := shutil.which("dockerd", path=PATH):
        return found
    raise HostError(f"{_SENTENCE}the package docker.io brought no dockerd.")


def install(packages: tuple[str, ...], progress: Callable[[str], None]) -> None:
    """`apt-get install`; starts no service of what it installs. Raises HostError with apt's last words."""
    apt = shutil.which("apt-get", path=PATH)
    if apt is None or os.geteuid() != 0:
        raise HostError(
            f"{_SENTENCE}it would need root and apt-get.",
            hint=f"Install {' '.join(packages)}, then try again.",
        )
    progress(f"Installing {' '.join(packages)}")
    # RUNLEVEL keeps invoke-rc.d from starting the packaged service beside ours.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    words = [apt, "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in ([apt, "update", "-qq"], words):
        ended = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if ended.returncode:
            said = ended.stdout.decode(errors="replace").splitlines()[-5:]
            raise HostError(f"{' '.join(command[:3])} failed:\n" + "\n".join(said))


def _need_root() -> None:
    if os.geteuid() != 0:
        raise HostError(
            f"{_SENTENCE}that needs root.",
            hint="Install Docker Engine (docker.io, or docker-ce), start it, and add yourself to the group docker.",
        )
