"""From the config's resources to the Engine API's HostConfig."""

from __future__ import annotations

from typing import Any

import pytest

from shipline.errors import UsageError
from shipline.runner.config_file import DockerSection
from shipline.runner.executor.resources import host_config, size_in_bytes


def test_what_the_config_does_not_say_is_left_to_the_engine() -> None:
    assert set(host_config(DockerSection())) == {"ExtraHosts", "RestartPolicy", "LogConfig"}


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        ({"cpus": "1.5"}, "NanoCpus", 1_500_000_000),
        ({"cpuset_cpus": "0,1"}, "CpusetCpus", "0,1"),
        ({"cpu_shares": 512}, "CpuShares", 512),
        ({"memory": "512m"}, "Memory", 512 * 1024**2),
        ({"memory_swap": "-1"}, "MemorySwap", -1),
        ({"memory_reservation": "1g"}, "MemoryReservation", 1024**3),
        ({"shm_size": 300000}, "ShmSize", 300000),
        ({"dns": ("8.8.8.8",)}, "Dns", ["8.8.8.8"]),
        ({"dns_search": ("x.example",)}, "DnsSearch", ["x.example"]),
        ({"cap_add": ("NET_ADMIN",)}, "CapAdd", ["NET_ADMIN"]),
        ({"cap_drop": ("ALL",)}, "CapDrop", ["ALL"]),
        ({"security_opt": ("no-new-privileges",)}, "SecurityOpt", ["no-new-privileges"]),
        ({"sysctls": {"net.core.somaxconn": "1024"}}, "Sysctls", {"net.core.somaxconn": "1024"}),
        ({"ulimit": {"nofile": "1:2"}}, "Ulimits", [{"Name": "nofile", "Soft": 1, "Hard": 2}]),
        ({"ulimit": {"core": "0"}}, "Ulimits", [{"Name": "core", "Soft": 0, "Hard": 0}]),
        (
            {"devices": ("/dev/kvm",)},
            "Devices",
            [{"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rwm"}],
        ),
        (
            {"devices": ("/dev/a:/dev/b:r",)},
            "Devices",
            [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}],
        ),
        ({"gpus": "all"}, "DeviceRequests", [{"Capabilities": [["gpu"]], "Count": -1}]),
        ({"gpus": "2"}, "DeviceRequests", [{"Capabilities": [["gpu"]], "Count": 2}]),
        ({"gpus": "device=a,b"}, "DeviceRequests", [{"Capabilities": [["gpu"]], "DeviceIDs": ["a", "b"]}]),
        ({"links": ("a:b",)}, "Links", ["a:b"]),
        ({"volumes_from": ("c:ro",)}, "VolumesFrom", ["c:ro"]),
        ({"oom_kill_disable": True}, "OomKillDisable", True),
        ({"userns_mode": "host"}, "UsernsMode", "host"),
        ({"runtime": "runsc"}, "Runtime", "runsc"),
        ({"extra_hosts": ("a:10.0.0.1",)}, "ExtraHosts", ["a:10.0.0.1"]),
    ],
)
def test_a_key_of_the_config_is_a_member_of_the_host_config(
    fields: dict[str, Any], key: str, value: object
) -> None:
    assert host_config(DockerSection(**fields))[key] == value


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1b", 1),
        ("2k", 2048),
        ("1.5m", 1572864),
        ("3G", 3 * 1024**3),
        ("1GiB", 1024**3),
        ("1 tb", 1024**4),
    ],
)
def test_sizes_are_read_as_docker_writes_them(text: str, size: int) -> None:
    assert size_in_bytes(text, "memory") == size


@pytest.mark.parametrize(
    "fields",
    [{"memory": "much"}, {"memory": "-5m"}, {"cpus": "two"}, {"ulimit": {"nofile": "many"}}],
)
def test_what_cannot_be_read_is_told(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"\[runners.docker"):
        host_config(DockerSection(**fields))
