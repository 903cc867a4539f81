"""A job's containers as values that can be printed: what the Engine API is asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shipline.engine.labels import labels
from shipline.protocols.image_reference import parse_image_reference
from shipline.protocols.runner_api import JobImage, JobPayload, JobVariable
from shipline.runner.config_file import RunnerSection, ServiceEntry
from shipline.runner.executor.network import NetworkSpec, job_network
from shipline.runner.executor.patterns import check_allowed, effective_policies, is_privileged
from shipline.runner.executor.resources import host_config
from shipline.runner.executor.volumes import Marks, Mounts, VolumeSpec, mounts
from shipline.runner.folders import Folders, job_folders
from shipline.runner.script import detect_shell
from shipline.runner.slots import Slot
from shipline.runner.variables import Variables, service_variables

PORT_LIMIT = 20
_NAME = re.compile(r"[^a-zA-Z0-9_.-]")


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """`config` is the body of POST /containers/create, without its image."""

    name: str
    image: str
    pull_policies: tuple[str, ...]
    config: Mapping[str, Any]
    platform: str = ""

    def with_hosts(self, entries: Sequence[str]) -> ContainerSpec:
        """With more host entries, `name:address`."""
        if not entries:
            return self
        host = self.config["HostConfig"]
        more = {**host, "ExtraHosts": [*host.get("ExtraHosts", []), *entries]}
        return replace(self, config={**self.config, "HostConfig": more})


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """`shown` is its name in the log, beside its image."""

    container: ContainerSpec
    aliases: tuple[str, ...]
    port: int | None = None

    @property
    def shown(self) -> str:
        return self.aliases[-1] if self.aliases else self.container.image


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Everything that is started for one job. `warnings` are lines for its log."""

    name: str
    network: NetworkSpec
    volumes: tuple[VolumeSpec, ...]
    helper: ContainerSpec
    build: ContainerSpec
    services: tuple[ServiceSpec, ...]
    writable: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def job_name(payload: JobPayload, section: RunnerSection, unique: str) -> str:
    """`unique` keeps the names of two attempts apart."""
    name = f"runner-{section.short_token}-project-{payload.job_info.project_id}-job-{payload.id}-{unique}"
    return _NAME.sub("-", name)


def job_spec(
    payload: JobPayload,
    section: RunnerSection,
    variables: Variables,
    unique: str,
    folders: Folders | None = None,
    slot: Slot | None = None,
    strategy: str = "fetch",
) -> JobSpec:
    """Raises JobFailed for what the config does not allow, UsageError for what the config says wrong."""
    name = job_name(payload, section, unique)
    made = _Maker(payload, section, variables, name)
    network = job_network(
        section.docker, name, variables.truth("FF_NETWORK_PER_BUILD", True), made.marks("network")
    )
    found = mounts(
        payload, section, folders or job_folders(payload, section, slot or Slot()), slot, name, strategy,
        Marks(made.marks("volume"), made.kept_marks()),
    )  # fmt: skip
    warnings: list[str] = []
    services = made.services(network, found, warnings)
    return JobSpec(
        name=name,
        network=network,
        volumes=found.volumes,
        helper=made.helper(network, found),
        build=made.build(network, found, warnings),
        services=services,
        writable=found.writable,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    payload: JobPayload
    section: RunnerSection
    variables: Variables
    name: str

    def marks(self, kind: str) -> dict[str, str]:
        payload = self.payload
        facts = {
            "job.id": payload.id,
            "job.name": payload.job_info.name,
            "job.ref": payload.git_info.ref,
            "job.sha": payload.git_info.sha,
            "pipeline.id": payload.job_info.pipeline_id,
            "project.id": payload.job_info.project_id,
            "runner": self.section.short_token,
        }
        return labels(self.section.owner, f"job-{kind}", facts)

    def kept_marks(self) -> dict[str, str]:
        """Of what other jobs use too: not in the role that a runner takes away when it starts."""
        facts = {"project.id": self.payload.job_info.project_id, "runner": self.section.short_token}
        return labels(self.section.owner, "kept-volume", facts)

    def helper(self, network: NetworkSpec, found: Mounts) -> ContainerSpec:
        """Never privileged, and without the job's limits: it works for the runner."""
        docker = self.section.docker
        host: dict[str, Any] = {
            "NetworkMode": network.mode,
            "Binds": list(found.binds),
            "ExtraHosts": list(docker.extra_hosts),
            "Privileged": False,
            "RestartPolicy": {"Name": "no"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
            "Init": True,
        }
        optional = {
            "Dns": list(docker.dns),
            "DnsSearch": list(docker.dns_search),
            "UsernsMode": docker.userns_mode,
        }
        host |= {key: value for key, value in optional.items() if value}
        config = {"Cmd": ["sleep", "infinity"], "Labels": self.marks("helper"), "HostConfig": host}
        return ContainerSpec(
            f"{self.name}-predefined",
            docker.helper_image,
            ("if-not-present",),
            config | network.endpoints(),
        )

    def build(self, network: NetworkSpec, found: Mounts, warnings: list[str]) -> ContainerSpec:
        docker = self.section.docker
        image = self.payload.image or JobImage(name=docker.image)
        name = self.variables.expand(image.name)
        check_allowed(name, "image", docker.allowed_images, (docker.image,))
        privileged = is_privileged(name, docker.privileged, docker.allowed_privileged_images)
        entrypoint = image.entrypoint
        if docker.disable_entrypoint_overwrite and entrypoint is not None:
            warnings.append("Entrypoint override disabled")
            entrypoint = None
        config: dict[str, Any] = {
            "Cmd": detect_shell(),
            "Env": _environment(self.variables.exports()),
            "Hostname": self.name[:63].rstrip("-."),
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": False,
            "Labels": self.marks("build"),
            "HostConfig": self._host(network, found, privileged=privileged),
        }
        if self.variables.truth("FF_USE_INIT_WITH_DOCKER_EXECUTOR"):
            config["HostConfig"]["Init"] = True
        if network.mode.startswith("container:") or network.mode == "host":
            del config["Hostname"]
        return ContainerSpec(
            f"{self.name}-build",
            name,
            self._policies(image, name),
            config | network.endpoints(["build"]) | _user(docker.user, image) | _entrypoint(entrypoint),
            self.variables.expand(image.executor_opts.docker.platform),
        )

    def services(self, network: NetworkSpec, found: Mounts, warnings: list[str]) -> tuple[ServiceSpec, ...]:
        """The config's, then the job's. Of two with one alias the first has it."""
        wanted = [*map(_configured, self.section.docker.services), *self.payload.services]
        own = [entry.name for entry in self.section.docker.services]
        taken: set[str] = {"build"}
        made = []
        for index, service in enumerate(wanted):
            image = self.variables.expand(service.name)
            check_allowed(image, "service", self.section.docker.allowed_services, own)
            aliases = []
            for alias in service_aliases(image, self.variables.expand(service.alias or "")):
                if alias in taken:
                    warnings.append(
                        f"WARNING: service {image} cannot be {alias!r} too: another one is called so"
                    )
                else:
                    aliases.append(alias)
            taken.update(aliases)
            made.append(self._service(service, index, image, tuple(aliases), network, found))
        return tuple(made)

    def _service(
        self,
        service: JobImage,
        index: int,
        image: str,
        aliases: tuple[str, ...],
        network: NetworkSpec,
        found: Mounts,
    ) -> ServiceSpec:
        docker = self.section.docker
        privileged = docker.privileged if docker.services_privileged is None else docker.services_privileged
        privileged = is_privileged(image, privileged, docker.allowed_privileged_services)
        environment = service_variables(self.variables, service.variables)
        config: dict[str, Any] = {
            "Env": _environment(environment),
            "Labels": self.marks("service"),
            "HostConfig": self._host(network, found, privileged=privileged),
        }
        config |= network.endpoints(aliases) | _user("", service) | _entrypoint(service.entrypoint)
        if service.command is not None:
            config["Cmd"] = list(service.command)
        port = environment.get("HEALTHCHECK_TCP_PORT", "")
        container = ContainerSpec(
            f"{self.name}-service-{index}",
            image,
            self._policies(service, image),
            config,
            self.variables.expand(service.executor_opts.docker.platform),
        )
        return ServiceSpec(container, aliases, int(port) if _is_port(port) else None)

    def _policies(self, image: JobImage, name: str) -> tuple[str, ...]:
        docker = self.section.docker
        return effective_policies(image.pull_policy, docker.pull_policy, docker.allowed_pull_policies, name)

    def _host(self, network: NetworkSpec, found: Mounts, *, privileged: bool) -> dict[str, Any]:
        return host_config(self.section.docker) | {
            "NetworkMode": network.mode,
            "Binds": list(found.binds),
            "Privileged": privileged,
        }


def _configured(entry: ServiceEntry) -> JobImage:
    """A service that every job gets; its variables are written as KEY=VALUE."""
    pairs = [line.partition("=") for line in entry.environment]
    return JobImage(
        name=entry.name,
        alias=entry.alias,
        entrypoint=None if entry.entrypoint is None else list(entry.entrypoint),
        command=None if entry.command is None else list(entry.command),
        variables=[JobVariable(key=key, value=value) for key, _, value in pairs],
    )


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


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def _user(configured: str, image: JobImage) -> dict[str, Any]:
    """The config's user stands above the job's."""
    user = configured or image.executor_opts.docker.user
    return {"User": user} if user else {}


def _entrypoint(entrypoint: Sequence[str] | None) -> dict[str, Any]:
    """The image's own unless one is given; `[""]` means none."""
    if entrypoint is None:
        return {}
    return {"Entrypoint": [word for word in entrypoint if word] or []}


def _environment(values: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]
