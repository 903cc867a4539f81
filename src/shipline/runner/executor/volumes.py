"""Which volumes a job's containers get, and where they are mounted. Pure.

Some stay when the job ends, for the next one of its project: what GIT_STRATEGY fetch left of the work tree,
caches, and volumes that the config gives a path alone. Their names tell protected refs from others, so that
what anybody may push cannot reach a deployment. The caches' volume is one for all jobs of a project that run
at once, because its files are only ever replaced whole; the others are one job's alone at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import RunnerSection
from shipline.runner.folders import Folders, is_mounted
from shipline.runner.slots import Slot


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """`kept`: it stays after the job."""

    name: str
    path: str
    labels: Mapping[str, str]
    kept: bool = False

    @property
    def bind(self) -> str:
        return f"{self.name}:{self.path}"


@dataclass(frozen=True, slots=True)
class Mounts:
    """`volumes` are to be made before, `binds` go into every container; `writable`: for any user."""

    volumes: tuple[VolumeSpec, ...]
    binds: tuple[str, ...]
    writable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """Labels of what ends with the job, and of what stays."""

    passing: Mapping[str, str]
    kept: Mapping[str, str]


def mounts(
    payload: JobPayload,
    section: RunnerSection,
    folders: Folders,
    slot: Slot | None,
    name: str,
    strategy: str,
    marks: Marks,
) -> Mounts:
    """`slot` None: nobody sees to it that the job has a number of its own, so nothing but caches is kept."""
    docker, volumes, binds = section.docker, [], []
    project = f"runner-{section.short_token}-project-{payload.job_info.project_id}"
    protected = "-protected" if payload.git_info.protected else ""

    def kept(path: str, stem: str) -> VolumeSpec:
        return VolumeSpec(f"{stem}-{_digest(path)}{protected}", path, marks.kept, kept=True)

    def passing(path: str) -> VolumeSpec:
        return VolumeSpec(name if path == folders.builds else f"{name}-{_digest(path)}", path, marks.passing)

    own = None if slot is None or docker.disable_cache else f"{project}-concurrent-{slot.project}"
    if not is_mounted(docker.volumes, folders.builds):
        keep = own is not None and strategy == "fetch"
        volumes.append(kept(folders.builds, own) if keep and own else passing(folders.builds))
    paths = [one.rstrip("/") for one in docker.volumes if ":" not in one]
    if payload.cache and folders.cache not in paths and not is_mounted(docker.volumes, folders.cache):
        paths.append(folders.cache)
    for path in dict.fromkeys(paths):
        if path == folders.cache and docker.cache_dir:
            binds.append(f"{docker.cache_dir.rstrip('/')}/{project}{protected}:{path}")
        elif path == folders.cache and not docker.disable_cache:
            volumes.append(kept(path, f"{project}-cache"))
        elif path != folders.builds:
            volumes.append(kept(path, own) if own else passing(path))
    written = [one for one in docker.volumes if ":" in one]
    return Mounts(
        tuple(volumes),
        (*(one.bind for one in volumes), *binds, *written),
        (*(one.path for one in volumes), *(one.rpartition(":")[2] for one in binds)),
    )


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:12]
