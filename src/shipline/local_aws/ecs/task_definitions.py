"""Operations on task definitions. What cannot be honoured here is refused by name, not ignored."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from shipline.errors import ProtocolError
from shipline.local_aws.arns import last_part
from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecs.lookup import task_definition_of
from shipline.local_aws.ecs.values import Document, TaskDefinition
from shipline.protocols.aws_errors import AwsError
from shipline.protocols.image_reference import parse_image_reference

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_CONTAINERS = range(1, 11)
# Members that would change what runs, and that this endpoint does not do.
_REFUSED_IN_CONTAINER = (
    "secrets",
    "environmentFiles",
    "repositoryCredentials",
    "dependsOn",
    "volumesFrom",
    "links",
    "firelensConfiguration",
    "restartPolicy",
    "resourceRequirements",
    "systemControls",
    "credentialSpecs",
    "dnsServers",
    "dnsSearchDomains",
)
_REFUSED = ("proxyConfiguration", "inferenceAccelerators", "pidMode", "ipcMode")


async def register_task_definition(context: Context, parameters: Parameters) -> Result:
    family = parameters["family"]
    _check(parameters)
    revisions = [one.revision for one in context.store.task_definitions if one.family == family]
    revision = max(revisions, default=0) + 1
    arn = context.arns.task_definition(family, revision)
    tags = tuple(parameters.pop("tags", ()))
    document = {
        **parameters,
        "containerDefinitions": [_with_defaults(one) for one in parameters["containerDefinitions"]],
        "volumes": parameters.get("volumes", []),
        "placementConstraints": parameters.get("placementConstraints", []),
        "networkMode": parameters.get("networkMode", "awsvpc"),
        "compatibilities": ["EC2", "FARGATE"],
    }
    made = TaskDefinition(arn, family, revision, document, registered_at=context.clock(), tags=tags)
    context.store.task_definitions.put(arn, made)
    return {"taskDefinition": _document(context, made), "tags": list(tags)}


async def describe_task_definition(context: Context, parameters: Parameters) -> Result:
    found = task_definition_of(context, parameters["taskDefinition"])
    result: Result = {"taskDefinition": _document(context, found)}
    if "TAGS" in parameters.get("include", []):
        result["tags"] = list(found.tags)
    return result


async def list_task_definitions(context: Context, parameters: Parameters) -> Result:
    prefix, status = parameters.get("familyPrefix"), parameters.get("status", "ACTIVE")
    found = [
        one
        for one in context.store.task_definitions
        if one.status == status and (not prefix or one.family == prefix)
    ]
    found.sort(key=lambda one: (one.family, one.revision), reverse=parameters.get("sort") == "DESC")
    return {"taskDefinitionArns": [one.arn for one in found]}


async def list_task_definition_families(context: Context, parameters: Parameters) -> Result:
    prefix, status = parameters.get("familyPrefix", ""), parameters.get("status", "ACTIVE")
    families = {
        one.family
        for one in context.store.task_definitions
        if one.family.startswith(prefix) and status in (one.status, "ALL")
    }
    return {"families": sorted(families)}


async def deregister_task_definition(context: Context, parameters: Parameters) -> Result:
    """Services that use it go on; nothing new may."""
    if ":" not in last_part(parameters["taskDefinition"]):
        raise AwsError("InvalidParameterException", "Invalid revision number. Number: null")
    found = task_definition_of(context, parameters["taskDefinition"])
    changed = replace(found, status="INACTIVE", deregistered_at=context.clock())
    context.store.task_definitions.put(found.arn, changed)
    return {"taskDefinition": _document(context, changed)}


def _check(parameters: Parameters) -> None:
    if not _NAME.fullmatch(parameters["family"]):
        raise AwsError("ClientException", f"Invalid family {parameters['family'][:255]!r}.")
    containers = parameters["containerDefinitions"]
    if len(containers) not in _CONTAINERS:
        raise AwsError("ClientException", "A task definition has from 1 to 10 container definitions.")
    if not any(container.get("essential", True) for container in containers):
        raise AwsError("ClientException", "At least one container must be essential.")
    names = [container.get("name", "") for container in containers]
    if len(set(names)) != len(names):
        raise AwsError("ClientException", "The names of containers must be unique.")
    _refuse(parameters, _REFUSED, "The task definition")
    volumes = {volume.get("name", "") for volume in parameters.get("volumes", [])}
    for volume in parameters.get("volumes", []):
        _check_volume(volume)
    for container in containers:
        _check_container(container, volumes)


def _check_container(container: Document, volumes: set[str]) -> None:
    name = container.get("name", "")
    if not _NAME.fullmatch(name):
        raise AwsError("ClientException", f"Invalid container name {name[:255]!r}.")
    _refuse(container, _REFUSED_IN_CONTAINER, f"Container {name}")
    try:
        parse_image_reference(container.get("image", ""))
    except ProtocolError as error:
        raise AwsError("ClientException", f"Container {name}: {error.message}") from error
    # As on Fargate: a task never gets more of the machine than its container.
    added = container.get("linuxParameters", {}).get("capabilities", {}).get("add", [])
    if container.get("privileged") or set(added) - {"SYS_PTRACE"}:
        raise AwsError("ClientException", f"Container {name}: privileged containers are not supported.")
    for mount in container.get("mountPoints", []):
        if mount.get("sourceVolume") not in volumes:
            raise AwsError(
                "ClientException", f"Container {name}: unknown volume {mount.get('sourceVolume')!r}."
            )
        if not str(mount.get("containerPath", "")).startswith("/") or ":" in mount["containerPath"]:
            raise AwsError("ClientException", f"Container {name}: containerPath must be an absolute path.")
    check = container.get("healthCheck")
    if check is not None and not check["command"]:
        raise AwsError("ClientException", f"Container {name}: healthCheck.command is empty.")


def _check_volume(volume: Document) -> None:
    if not _NAME.fullmatch(volume.get("name", "")):
        raise AwsError("ClientException", f"Invalid volume name {str(volume.get('name'))[:255]!r}.")
    if volume.get("host", {}).get("sourcePath"):
        raise AwsError(
            "ClientException", "As on Fargate, a volume cannot be a folder of the host (sourcePath)."
        )
    _refuse(
        volume,
        ("efsVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration", "s3filesVolumeConfiguration"),
        f"Volume {volume['name']}",
    )


def _refuse(document: Document, members: tuple[str, ...], what: str) -> None:
    for member in members:
        if document.get(member):
            raise AwsError("ClientException", f"{what}: {member} is not supported by the local endpoint.")


def _with_defaults(container: Document) -> Document:
    filled: dict[str, Any] = {
        "cpu": 0,
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        **container,
        "portMappings": [
            {"protocol": "tcp", "hostPort": one.get("containerPort", 0), **one}
            for one in container.get("portMappings", [])
        ],
    }
    if check := container.get("healthCheck"):
        filled["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **check}
    return filled


def _document(context: Context, definition: TaskDefinition) -> Document:
    document = {
        **definition.document,
        "taskDefinitionArn": definition.arn,
        "revision": definition.revision,
        "status": definition.status,
        "registeredAt": definition.registered_at,
        "registeredBy": f"arn:aws:iam::{context.arns.account}:root",
    }
    if definition.deregistered_at:
        document["deregisteredAt"] = definition.deregistered_at
    return document


OPERATIONS: Operations = {
    "RegisterTaskDefinition": register_task_definition,
    "DescribeTaskDefinition": describe_task_definition,
    "ListTaskDefinitions": list_task_definitions,
    "ListTaskDefinitionFamilies": list_task_definition_families,
    "DeregisterTaskDefinition": deregister_task_definition,
}
