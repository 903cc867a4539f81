"""From the config's resources to the Engine API's HostConfig. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shipline.errors import UsageError
from shipline.runner.config_file import DockerSection

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size_in_bytes(text: str, key: str) -> int:
    """`512m`, `2g`, `1.5GiB`, `-1`. Raises UsageError."""
    if text.strip() == "-1":
        return -1
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"[runners.docker] {key} = {text!r} is no size.", hint='Write it as "512m" or "2g".')
    return int(float(found[1]) * 1024 ** _POWERS[found[2].lower()])


def host_config(docker: DockerSection) -> dict[str, Any]:
    """What holds for the build and the services alike. Raises UsageError for what cannot be read."""
    made: dict[str, Any] = {
        "ExtraHosts": list(docker.extra_hosts),
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
    }
    optional: dict[str, Any] = {
        "NanoCpus": _nano_cpus(docker.cpus),
        "CpusetCpus": docker.cpuset_cpus,
        "CpuShares": docker.cpu_shares,
        "Memory": docker.memory and size_in_bytes(docker.memory, "memory"),
        "MemorySwap": docker.memory_swap and size_in_bytes(docker.memory_swap, "memory_swap"),
        "MemoryReservation": docker.memory_reservation
        and size_in_bytes(docker.memory_reservation, "memory_reservation"),
        "ShmSize": docker.shm_size,
        "Dns": list(docker.dns),
        "DnsSearch": list(docker.dns_search),
        "CapAdd": list(docker.cap_add),
        "CapDrop": list(docker.cap_drop),
        "SecurityOpt": list(docker.security_opt),
        "Sysctls": dict(docker.sysctls),
        "Ulimits": [_ulimit(name, value) for name, value in docker.ulimit.items()],
        "Devices": [_device(one) for one in docker.devices],
        "DeviceRequests": _gpus(docker.gpus),
        "Links": list(docker.links),
        "VolumesFrom": list(docker.volumes_from),
        "OomKillDisable": docker.oom_kill_disable,
        "UsernsMode": docker.userns_mode,
        "Runtime": docker.runtime,
    }
    return made | {key: value for key, value in optional.items() if value}


def _nano_cpus(text: str) -> int:
    if not text:
        return 0
    try:
        return int(float(text) * 1e9)
    except ValueError:
        raise UsageError(
            f"[runners.docker] cpus = {text!r} is no number.", hint='Write it as "1.5".'
        ) from None


def _ulimit(name: str, value: str) -> Mapping[str, Any]:
    """`soft:hard`, or one number for both."""
    soft, _, hard = value.partition(":")
    try:
        return {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}
    except ValueError:
        raise UsageError(
            f"[runners.docker.ulimit] {name} = {value!r} is no limit.", hint='Write it as "1024:2048".'
        ) from None


def _device(text: str) -> Mapping[str, str]:
    """`host[:container[:permissions]]`."""
    host, _, rest = text.partition(":")
    container, _, permissions = rest.partition(":")
    return {
        "PathOnHost": host,
        "PathInContainer": container or host,
        "CgroupPermissions": permissions or "rwm",
    }


def _gpus(text: str) -> list[Mapping[str, Any]]:
    """`all`, a count, or `device=ID,ID`."""
    if not text:
        return []
    request: dict[str, Any] = {"Capabilities": [["gpu"]]}
    if text.startswith("device="):
        request["DeviceIDs"] = text.removeprefix("device=").strip("\"'").split(",")
    else:
        request["Count"] = int(text) if text.isdigit() else -1
    return [request]
