"""Where a job's files lie, as its scripts see them. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shipline.errors import ProtocolError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import RunnerSection
from shipline.runner.slots import Slot

BUILDS, CACHE = "/builds", "/cache"


@dataclass(frozen=True, slots=True)
class Folders:
    """`project` lies in `builds`; `temporary`, beside it, holds what is not the project's: file variables.
    `path` is the project's on the coordinator."""

    builds: str
    project: str
    cache: str
    path: str

    @property
    def temporary(self) -> str:
        return f"{self.project}.tmp"

    @property
    def project_cache(self) -> str:
        """Where this project's caches are kept on the machine."""
        return posixpath.join(self.cache, self.path)

    def cloned_to(self, path: str) -> Folders:
        """With GIT_CLONE_PATH as the project's folder. Raises ProtocolError when it is not in `builds`."""
        project = posixpath.normpath(path)
        if not project.startswith(self.builds + "/"):
            raise ProtocolError(
                f"GIT_CLONE_PATH {path!r} is not in {self.builds}.", hint="Begin it with $CI_BUILDS_DIR/."
            )
        return replace(self, project=project)


def job_folders(payload: JobPayload, section: RunnerSection, slot: Slot, home: str = "") -> Folders:
    """`home` is where the shell executor keeps its folders unless the config names them."""
    path = _parts(payload.job_info.project_full_path) or f"project-{payload.job_info.project_id}"
    apart = f"{section.short_token}/{slot.project}"
    if section.executor == "shell":
        builds = section.builds_dir or posixpath.join(home, "builds")
        cache = section.cache_dir or posixpath.join(home, "cache")
        return Folders(builds, f"{builds}/{apart}/{path}", cache, path)
    builds, cache = section.builds_dir or BUILDS, section.cache_dir or CACHE
    # A folder of the host is shared by all jobs; a volume is one job's alone.
    shared = is_mounted(section.docker.volumes, builds)
    return Folders(builds, f"{builds}/{apart}/{path}" if shared else f"{builds}/{path}", cache, path)


def is_mounted(volumes: Iterable[str], path: str) -> bool:
    """Whether one of the config's `volumes` puts a folder of the host, or a volume with a name, there."""
    return any(part[1].rstrip("/") == path for part in (one.split(":") for one in volumes) if len(part) > 1)


def _parts(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", ".", ".."))
