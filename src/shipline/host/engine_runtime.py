"""The OCI runtime for machines that hold fewer capabilities than a privileged container asks for."""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path

# Every capability that Linux 6 knows (0 to 40).
ALL_CAPABILITIES = (1 << 41) - 1
NAME = "within-bounds"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def bounding_set(status: str) -> int:
    """The capabilities that this process may ever have, from the text of /proc/self/status."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    return ALL_CAPABILITIES


def runtime_flags(folder: Path, status: str) -> list[str]:
    """dockerd's flags: none where nothing is missing, else a wrapper written into `folder`."""
    if bounding_set(status) & ALL_CAPABILITIES == ALL_CAPABILITIES:
        return []
    source = resources.files("shipline.host") / "stand_ins" / "dind"
    trim = folder / "runc_within_bounds.py"
    trim.write_text((source / "runc_within_bounds.py").read_text())
    wrapper = folder / "runc-within-bounds.sh"
    text = (source / "runc-within-bounds.sh").read_text()
    runc = shutil.which("runc", path=PATH) or "/usr/sbin/runc"
    for mark, value in (("@PYTHON@", _system_python()), ("@RUNC@", runc), ("@TRIM@", str(trim))):
        text = text.replace(mark, value)
    wrapper.write_text(text)
    wrapper.chmod(0o755)
    return [f"--add-runtime={NAME}={wrapper}", f"--default-runtime={NAME}"]


def _system_python() -> str:
    """Debian's Python starts quickest and does not go away with a venv; else the one that runs us."""
    system = Path("/usr/bin/python3")
    return str(system) if system.exists() else str(Path(sys.executable).resolve())
