"""Which executor a config entry means, made for one job."""

from __future__ import annotations

from pathlib import Path

import aiodocker

from shipline.errors import EngineUnavailable
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import RunnerSection
from shipline.runner.executor.credentials import Source, payload_source, read_source
from shipline.runner.executor.docker import DockerExecutor
from shipline.runner.executor.images import Images
from shipline.runner.executor.protocol import Executor
from shipline.runner.executor.shell import ShellExecutor
from shipline.runner.executor.spec import job_spec
from shipline.runner.folders import Folders
from shipline.runner.slots import Slot
from shipline.runner.trace import Trace
from shipline.runner.variables import Variables

FILE_LIMIT = 1 << 20


def make_executor(
    payload: JobPayload,
    section: RunnerSection,
    trace: Trace,
    docker: aiodocker.Docker | None,
    unique: str,
    slot: Slot | None,
    folders: Folders,
    variables: Variables,
    strategy: str,
    attempts: int,
) -> Executor:
    """Raises JobFailed for what the config does not allow, UsageError for what it says wrong."""
    if section.executor == "shell":
        ignored = ("services",) if payload.services else ()
        return ShellExecutor(folders, trace, unique, section.shell, ignored, section.owner)
    if docker is None:
        raise EngineUnavailable("The docker executor has no Docker Engine.")
    spec = job_spec(payload, section, variables, unique, folders, slot, strategy)
    sources = credential_sources(payload, variables, Path.home())
    images = Images(docker, sources, section.docker.registry_aliases, trace.line)
    return DockerExecutor(
        docker, spec, folders, images, trace,
        service_seconds=section.docker.wait_for_services_timeout,
        section_attempts=attempts,
        debug_services=variables.truth("CI_DEBUG_SERVICES"),
    )  # fmt: skip


def credential_sources(payload: JobPayload, variables: Variables, home: Path) -> list[Source]:
    """In the order in which they are asked."""
    sources = []
    written = next((one for one in reversed(payload.variables) if one.key == "DOCKER_AUTH_CONFIG"), None)
    if written is not None:
        # Of a file variable the content, of another its value with references replaced.
        files = variables.files.get(written.key)
        text = files[1] if files else variables.get(written.key)
        sources.append(read_source("$DOCKER_AUTH_CONFIG", text))
    path = home / ".docker" / "config.json"
    try:
        if path.stat().st_size <= FILE_LIMIT:
            sources.append(read_source(str(path), path.read_text()))
    except (OSError, UnicodeDecodeError):
        pass
    return [*sources, payload_source(payload.credentials)]
