"""What a config.toml can say: one dataclass for each of its tables.

The names are gitlab-runner's. Three keys are ours: `owner`, `clone_url`'s use for artifacts, and
`registry_aliases`. `config/kinds.py` reads a field by its annotation and by what `_key` adds to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shipline.version import __version__

# Of entries that name no owner; a manager makes one of its own of it.
DEFAULT_OWNER = "shipline-runner"
EXECUTORS = ("docker", "shell")
PULL_POLICIES = ("always", "if-not-present", "never")
LOG_LEVELS = ("debug", "info", "warning", "error", "fatal", "panic")
LOG_FORMATS = ("runner", "text", "json")
CACHE_TYPES = ("s3",)
# Of the tokens that a runner can have; what follows is what tells one from another.
_PREFIX = re.compile(r"glrt-t\d_|glrt-|glrtr-|glcbt-|GR[0-9A-Fa-f]{7}")


def _key(
    default: Any = None,
    *,
    name: str = "",
    choices: tuple[str, ...] = (),
    least: int | None = None,
    zero: bool = False,
    duration: bool = False,
    secret: bool = False,
    factory: Any = None,
) -> Any:
    """`name` where the file's is not the field's. `zero`: 0 is written for "not set" and means the default.
    `duration`: written like "1h30m", in seconds here. `secret`: shown nowhere."""
    metadata = {"name": name, "choices": choices, "least": least, "zero": zero, "duration": duration}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """[[runners.docker.services]]: a service that every job gets. `alias` may hold several, with commas or
    spaces between. `entrypoint` and `command` None: the image's own."""

    name: str = ""
    alias: str = ""
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: tuple[str, ...] = _key((), secret=True)

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(self.alias.replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class DockerSection:
    """[runners.docker]. `registry_aliases` is ours: registry name in image names -> its address for the engine.

    `memory`, `memory_swap`, `memory_reservation` as Docker writes them ("512m"), `cpus` as text ("1.5"),
    `shm_size` in bytes, `wait_for_services_timeout` in seconds (-1: do not wait). `allowed_*`: patterns; empty
    allows everything (`allowed_pull_policies`: what `pull_policy` has). `services_privileged` None: as
    `privileged`. `tls_cert_path` is the folder with ca.pem, cert.pem and key.pem for a `host` over tcp.
    """

    image: str = "debian:bookworm"
    privileged: bool = False
    pull_policy: tuple[str, ...] = _key(("always",), choices=PULL_POLICIES)
    helper_image: str = f"shipline/helper:{__version__}"
    extra_hosts: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    wait_for_services_timeout: int = _key(30, zero=True, least=-1)
    registry_aliases: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    tls_verify: bool = False
    tls_cert_path: str = ""
    services_privileged: bool | None = None
    allowed_pull_policies: tuple[str, ...] = _key((), choices=PULL_POLICIES)
    allowed_images: tuple[str, ...] = ()
    allowed_services: tuple[str, ...] = ()
    allowed_privileged_images: tuple[str, ...] = ()
    allowed_privileged_services: tuple[str, ...] = ()
    cpus: str = ""
    cpuset_cpus: str = ""
    cpu_shares: int = _key(0, least=0)
    memory: str = ""
    memory_swap: str = ""
    memory_reservation: str = ""
    shm_size: int = _key(0, least=0)
    network_mode: str = ""
    network_mtu: int = _key(0, least=0)
    user: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    gpus: str = ""
    ulimit: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    volumes_from: tuple[str, ...] = ()
    disable_cache: bool = False
    cache_dir: str = ""
    disable_entrypoint_overwrite: bool = False
    services: tuple[ServiceEntry, ...] = ()
    oom_kill_disable: bool = False
    userns_mode: str = ""
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class S3Section:
    """[runners.cache.s3]. `path_style` None: as the server's address suggests."""

    server_address: str = _key("", name="ServerAddress")
    access_key: str = _key("", name="AccessKey", secret=True)
    secret_key: str = _key("", name="SecretKey", secret=True)
    session_token: str = _key("", name="SessionToken", secret=True)
    bucket_name: str = _key("", name="BucketName")
    bucket_location: str = _key("", name="BucketLocation")
    insecure: bool = _key(False, name="Insecure")
    authentication_type: str = _key("", name="AuthenticationType", choices=("", "access-key", "iam"))
    path_style: bool | None = _key(None, name="PathStyle")


@dataclass(frozen=True, slots=True)
class CacheSection:
    """[runners.cache]. `type` empty: caches stay on the machine. `max_uploaded_archive_size` in bytes, 0: no
    limit."""

    type: str = _key("", name="Type")
    path: str = _key("", name="Path")
    shared: bool = _key(False, name="Shared")
    max_uploaded_archive_size: int = _key(0, name="MaxUploadedArchiveSize", least=0)
    s3: S3Section = field(default_factory=S3Section)


@dataclass(frozen=True, slots=True)
class RunnerSection:
    """[[runners]]. `clone_url` is the coordinator's address for git and artifacts, from inside containers.
    `owner` is ours: the label of everything that is started.

    `limit` of jobs at once, 0: none but `concurrent`. `output_limit` of a log in KiB. `request_concurrency`:
    questions for a job that may be open at once. After `unhealthy_requests_limit` refusals in a row the
    entry rests for `unhealthy_interval` seconds. `id` 0 and a time None: not known.
    """

    name: str
    url: str
    token: str = field(repr=False)
    executor: str = "docker"
    clone_url: str = ""
    owner: str = DEFAULT_OWNER
    limit: int = _key(0, least=0)
    output_limit: int = _key(4096, zero=True, least=1)
    environment: tuple[str, ...] = _key((), secret=True)
    docker: DockerSection = field(default_factory=DockerSection)
    id: int = _key(0, least=0)
    token_obtained_at: datetime | None = None
    token_expires_at: datetime | None = None
    tls_ca_file: str = _key("", name="tls-ca-file")
    tls_cert_file: str = _key("", name="tls-cert-file")
    tls_key_file: str = _key("", name="tls-key-file")
    request_concurrency: int = _key(1, zero=True, least=1)
    unhealthy_requests_limit: int = _key(3, zero=True, least=1)
    unhealthy_interval: float = _key(3600.0, duration=True)
    builds_dir: str = ""
    cache_dir: str = ""
    shell: str = _key("", choices=("", "bash", "sh"))
    pre_get_sources_script: str = ""
    post_get_sources_script: str = ""
    pre_build_script: str = ""
    post_build_script: str = ""
    debug_trace_disabled: bool = False
    feature_flags: Mapping[str, bool] = field(default_factory=dict)
    cache: CacheSection = field(default_factory=CacheSection)

    @property
    def short_token(self) -> str:
        found = _PREFIX.match(self.token)
        return self.token[found.end() if found else 0 :][:9]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The whole file. `check_interval` and `shutdown_timeout` in seconds. `listen_address`: where the metrics
    are served, empty: nowhere. `warnings`: sentences about what the file says without effect."""

    concurrent: int = _key(1, least=1)
    check_interval: int = _key(3, zero=True, least=1)
    runners: tuple[RunnerSection, ...] = ()
    warnings: tuple[str, ...] = ()
    log_level: str = _key("info", choices=LOG_LEVELS)
    log_format: str = _key("runner", choices=LOG_FORMATS)
    listen_address: str = ""
    shutdown_timeout: int = _key(30, zero=True, least=1)
