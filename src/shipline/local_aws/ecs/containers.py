"""A task definition as the Docker Engine's container documents. Pure.

The containers of a task share one network namespace, as with `awsvpc`: the first container holds it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from shipline.engine.labels import labels
from shipline.local_aws.ecs.checks import CheckRule
from shipline.local_aws.ecs.values import Document, Task, TaskDefinition

ROLE = "task"
DEFAULT_STOP_SECONDS = 30.0
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """`document` is the Engine API's, without `Image`, which is known only after the pull. `leader` is the
    container whose network this one shares; "" for the first."""

    name: str
    image: str
    essential: bool
    document: Document
    leader: str
    stop_seconds: float
    check: ContainerCheck | None


@dataclass(frozen=True, slots=True)
class ContainerCheck:
    command: tuple[str, ...]
    rule: CheckRule


@dataclass(frozen=True, slots=True)
class Ground:
    """Where tasks run: `network` is the engine's; `volumes` the folder that holds shared volumes."""

    owner: str
    network: str
    volumes: PurePosixPath


def specs(
    task: Task, definition: TaskDefinition, ground: Ground, aliases: Sequence[str]
) -> tuple[ContainerSpec, ...]:
    """One per container of the definition, in its order. `aliases` are the task's further names on the
    network (Service Connect's `dnsName`)."""
    overrides = {one["name"]: one for one in task.overrides.get("containerOverrides", [])}
    binds = _volume_folders(task, definition, ground)
    found: list[ContainerSpec] = []
    for container in definition.containers:
        name = container_name(ground, task, container["name"])
        leader = container_name(ground, task, found[0].name) if found else ""
        document = _document(container, overrides.get(container["name"], {}), binds)
        document["Labels"] = labels(
            ground.owner,
            ROLE,
            {"task.arn": task.arn, "service": task.service, "container": container["name"]},
        )
        if leader:
            document["HostConfig"]["NetworkMode"] = f"container:{leader}"
        else:
            document["Hostname"] = task.id[:12]
            document["HostConfig"]["NetworkMode"] = ground.network
            document["NetworkingConfig"] = {
                "EndpointsConfig": {ground.network: {"Aliases": list(aliases) or [name]}}
            }
        found.append(
            ContainerSpec(
                container["name"],
                container["image"],
                container.get("essential", True),
                document,
                leader,
                float(container.get("stopTimeout", DEFAULT_STOP_SECONDS)),
                _check(container.get("healthCheck")),
            )
        )
    return tuple(found)


def container_name(ground: Ground, task: Task, container: str) -> str:
    return f"shipline-{ground.owner}-{task.id[:12]}-{container}"


def _document(container: Document, override: Document, binds: Mapping[str, str]) -> Document:
    environment = {one["name"]: one.get("value", "") for one in container.get("environment", [])}
    environment |= {one["name"]: one.get("value", "") for one in override.get("environment", [])}
    host: dict[str, Any] = {"Binds": _binds(container, binds), "Init": _init(container)}
    if memory := override.get("memory") or container.get("memory"):
        host["Memory"] = int(memory) * _MEBIBYTE
    if capabilities := container.get("linuxParameters", {}).get("capabilities"):
        host["CapAdd"] = capabilities.get("add", [])
        host["CapDrop"] = capabilities.get("drop", [])
    host["ReadonlyRootfs"] = container.get("readonlyRootFilesystem", False)
    host["Ulimits"] = [
        {"Name": one["name"], "Soft": one["softLimit"], "Hard": one["hardLimit"]}
        for one in container.get("ulimits", [])
    ]
    host["ExtraHosts"] = [f"{one['hostname']}:{one['ipAddress']}" for one in container.get("extraHosts", [])]
    document: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "HostConfig": host,
    }
    if command := override.get("command") or container.get("command"):
        document["Cmd"] = list(command)
    for ours, theirs in (
        ("entryPoint", "Entrypoint"),
        ("workingDirectory", "WorkingDir"),
        ("user", "User"),
    ):
        if container.get(ours):
            document[theirs] = container[ours]
    return document


def _init(container: Document) -> bool:
    return bool(container.get("linuxParameters", {}).get("initProcessEnabled", False))


def _volume_folders(task: Task, definition: TaskDefinition, ground: Ground) -> dict[str, str]:
    """Volume name -> what to bind: a folder of ours for one that outlives the task, a volume for the rest."""
    shared = shared_volumes(definition)
    return {
        volume["name"]: str(ground.volumes / volume["name"])
        if volume["name"] in shared
        else scratch_volume(ground, task, volume["name"])
        for volume in definition.document.get("volumes", [])
    }


def scratch_volume(ground: Ground, task: Task, volume: str) -> str:
    """The engine's name of a volume that lives as long as its task."""
    return f"shipline-{ground.owner}-{task.id[:12]}-{volume}"


def scratch_volumes(task: Task, definition: TaskDefinition, ground: Ground) -> tuple[str, ...]:
    folders = _volume_folders(task, definition, ground)
    return tuple(folder for name, folder in folders.items() if name not in shared_volumes(definition))


def shared_volumes(definition: TaskDefinition) -> tuple[str, ...]:
    """The names of the volumes that outlive a task."""
    return tuple(
        volume["name"]
        for volume in definition.document.get("volumes", [])
        if (volume.get("dockerVolumeConfiguration") or {}).get("scope") == "shared"
    )


def _binds(container: Document, folders: Mapping[str, str]) -> list[str]:
    return [
        f"{folders[mount['sourceVolume']]}:{mount['containerPath']}"
        + (":ro" if mount.get("readOnly") else "")
        for mount in container.get("mountPoints", [])
        if mount.get("sourceVolume") in folders
    ]


def _check(check: Document | None) -> ContainerCheck | None:
    """`["CMD", ...]`, `["CMD-SHELL", text]`, or a bare command."""
    if check is None or check["command"][:1] == ["NONE"]:
        return None
    kind, *rest = check["command"]
    if kind == "CMD-SHELL":
        command = ("/bin/sh", "-c", " ".join(rest))
    elif kind == "CMD":
        command = tuple(rest)
    else:
        command = ("/bin/sh", "-c", shlex.join(check["command"]) if rest else kind)
    return ContainerCheck(
        command,
        CheckRule(
            interval=float(check.get("interval", 30)),
            timeout=float(check.get("timeout", 5)),
            failures=int(check.get("retries", 3)),
            start_period=float(check.get("startPeriod", 0)),
        ),
    )
