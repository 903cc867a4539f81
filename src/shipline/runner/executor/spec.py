"""A job's containers as values that can be printed: what the Engine API is asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipline.engine.labels import labels
from shipline.protocols.image_reference import parse_image_reference
from shipline.protocols.runner_api import JobImage, JobPayload
from shipline.runner.config_file import RunnerSection
from shipline.runner.script import detect_shell
from shipline.runner.variables import BUILDS, Variables, service_variables

PORT_LIMIT = 20
_NAME = re.compile(r"[^a-zA-Z0-9_.-]")


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """`config` is the body of POST /containers/create, without its image."""

    name: str
    image: str
    pull_policies: tuple[str, ...]
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    container: ContainerSpec
    aliases: tuple[str, ...]
    port: int | None = None


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Everything that is started for one job."""

    name: str
    network: Mapping[str, Any]
    volume: Mapping[str, Any]
    helper: ContainerSpec
    build: ContainerSpec
    services: tuple[ServiceSpec, ...]


def job_spec(payload: JobPayload, section: RunnerSection, variables: Variables, unique: str) -> JobSpec:
    """`unique` keeps the names of two attempts apart."""
    name = f"runner-{section.short_token}-project-{payload.job_info.project_id}-job-{payload.id}-{unique}"
    name = _NAME.sub("-", name)
    facts = {
        "job.id": payload.id,
        "job.name": payload.job_info.name,
        "job.ref": payload.git_info.ref,
        "job.sha": payload.git_info.sha,
        "pipeline.id": payload.job_info.pipeline_id,
        "project.id": payload.job_info.project_id,
        "runner": section.short_token,
    }

    def marks(kind: str) -> dict[str, str]:
        return labels(section.owner, f"job-{kind}", facts)

    image = payload.image or JobImage(name=section.docker.image)
    hostname = name[:63].rstrip("-.")
    build_environment = {key: value for key, value in variables.values.items() if key not in variables.files}
    return JobSpec(
        name=name,
        network={"Name": name, "Driver": "bridge", "Labels": marks("network")},
        volume={"Name": name, "Labels": marks("volume")},
        helper=ContainerSpec(
            f"{name}-predefined",
            section.docker.helper_image,
            ("if-not-present",),
            {
                "Cmd": ["sleep", "infinity"],
                "Labels": marks("helper"),
                "HostConfig": _host(section, name, privileged=False) | {"Init": True},
                "NetworkingConfig": {"EndpointsConfig": {name: {}}},
            },
        ),
        build=ContainerSpec(
            f"{name}-build",
            variables.expand(image.name),
            tuple(image.pull_policy) or section.docker.pull_policy,
            {
                "Cmd": detect_shell(),
                "Env": _environment(build_environment),
                "Hostname": hostname,
                "OpenStdin": True,
                "StdinOnce": True,
                "AttachStdin": True,
                "AttachStdout": True,
                "AttachStderr": True,
                "Tty": False,
                "Labels": marks("build"),
                "HostConfig": _host(section, name, privileged=section.docker.privileged),
                "NetworkingConfig": {"EndpointsConfig": {name: {"Aliases": ["build"]}}},
            }
            | _entrypoint(image.entrypoint),
        ),
        services=tuple(
            _service(service, index, name, section, variables, marks("service"))
            for index, service in enumerate(payload.services)
        ),
    )


def _service(
    service: JobImage,
    index: int,
    name: str,
    section: RunnerSection,
    variables: Variables,
    marks: dict[str, str],
) -> ServiceSpec:
    image = variables.expand(service.name)
    aliases = service_aliases(image, service.alias or "")
    environment = service_variables(variables, service.variables)
    config: dict[str, Any] = {
        "Env": _environment(environment),
        "Labels": marks,
        "HostConfig": _host(section, name, privileged=section.docker.privileged, builds=False),
        "NetworkingConfig": {"EndpointsConfig": {name: {"Aliases": list(aliases)}}},
    } | _entrypoint(service.entrypoint)
    if service.command is not None:
        config["Cmd"] = list(service.command)
    port = environment.get("HEALTHCHECK_TCP_PORT", "")
    container = ContainerSpec(
        f"{name}-service-{index}", image, tuple(service.pull_policy) or section.docker.pull_policy, config
    )
    return ServiceSpec(container, aliases, int(port) if port.isdigit() else None)


def service_aliases(image: str, alias: str) -> tuple[str, ...]:
    """The host names of a service: two made from its image's name, and those that it is given."""
    reference = parse_image_reference(image)
    path = reference.repository.removeprefix("library/")
    if reference.registry != "docker.io":
        path = f"{reference.registry.partition(':')[0]}/{path}"
    made = [path.replace("/", "__"), path.replace("/", "-")]
    return tuple(dict.fromkeys([*made, *re.split(r"[\s,]+", alias.strip())] if alias.strip() else made))


def wait_ports(image_config: Mapping[str, Any], wanted: int | None) -> list[int]:
    """The TCP ports of which one must answer: the one that is named, else those that the image exposes."""
    if wanted is not None:
        return [wanted]
    exposed = image_config.get("ExposedPorts") or {}
    ports = [int(port.partition("/")[0]) for port in exposed if port.endswith("/tcp")]
    return sorted(ports)[:PORT_LIMIT]


def _entrypoint(entrypoint: Sequence[str] | None) -> dict[str, Any]:
    """The image's own unless one is given; `[""]` means none."""
    if entrypoint is None:
        return {}
    return {"Entrypoint": [word for word in entrypoint if word] or []}


def _environment(values: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


def _host(section: RunnerSection, name: str, *, privileged: bool, builds: bool = True) -> dict[str, Any]:
    binds = [f"{name}:{BUILDS}"] if builds else []
    binds += [volume for volume in section.docker.volumes if ":" in volume]
    return {
        "NetworkMode": name,
        "Binds": binds,
        "ExtraHosts": list(section.docker.extra_hosts),
        "Privileged": privileged,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
    }
