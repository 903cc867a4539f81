"""The network of a job's containers. Pure.

One of the job's own, on which each knows the others by their aliases; or what the config's network_mode says.
Where the engine gives no aliases (its default bridge, the host's network), host entries take their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipline.runner.config_file import DockerSection

# On these a container has no aliases.
WITHOUT_ALIASES = ("bridge", "default", "host", "none")


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """`mode` is HostConfig's NetworkMode; `body` what the job's own network is made of, None without one."""

    mode: str
    body: Mapping[str, Any] | None = None

    @property
    def own(self) -> bool:
        return self.body is not None

    @property
    def knows_aliases(self) -> bool:
        return self.mode not in WITHOUT_ALIASES and not self.mode.startswith("container:")

    def endpoints(self, aliases: Sequence[str] = ()) -> dict[str, Any]:
        """The NetworkingConfig of a container."""
        if not self.knows_aliases:
            return {}
        settings = {"Aliases": list(aliases)} if aliases else {}
        return {"NetworkingConfig": {"EndpointsConfig": {self.mode: settings}}}


def job_network(docker: DockerSection, name: str, per_build: bool, labels: Mapping[str, str]) -> NetworkSpec:
    if docker.network_mode:
        return NetworkSpec(docker.network_mode)
    if not per_build:
        return NetworkSpec("bridge")
    body: dict[str, Any] = {"Name": name, "Driver": "bridge", "Labels": dict(labels)}
    if docker.network_mtu:
        body["Options"] = {"com.docker.network.driver.mtu": str(docker.network_mtu)}
    return NetworkSpec(name, body)
