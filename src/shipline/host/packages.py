"""Installs packages of the distribution, where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from shipline.errors import HostError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def install(packages: tuple[str, ...], lacking: str, progress: Callable[[str], None]) -> None:
    """`apt-get install`; starts no service of what it installs. Raises HostError: with `lacking`, a sentence
    that ends in a colon, when that cannot be done here, else with apt's last words."""
    apt = shutil.which("apt-get", path=PATH)
    if apt is None or os.geteuid() != 0:
        raise HostError(
            f"{lacking} it would need root and apt-get.",
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
