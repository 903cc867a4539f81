"""The helper's program, as a folder of this package and as a tar archive for a container."""

from __future__ import annotations

import io
import tarfile
from functools import lru_cache
from importlib import resources
from pathlib import Path

HELPER_PATH = "/usr/local/lib/shipline-helper"


def program_folder() -> Path:
    return Path(str(resources.files("shipline.runner"))) / "helper_program"


@lru_cache(maxsize=1)
def program_archive() -> bytes:
    """To be unpacked in the folder that HELPER_PATH is in."""
    folder, buffer = program_folder(), io.BytesIO()
    name = HELPER_PATH.rpartition("/")[2]
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*.py")):
            content = path.read_bytes()
            info = tarfile.TarInfo(f"{name}/{path.relative_to(folder)}")
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
