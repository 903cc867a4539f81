"""Which program listens where. Pure: what is taken is an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from shipline.config import CONTAINER_DOMAIN, Config
from shipline.errors import HostError

LOOPBACK = "127.0.0.1"
_TRIES = 200


def settle(
    config: Config, gateway: str, is_free: Callable[[int], bool], aliases: Iterable[str] = ()
) -> Config:
    """The configuration to start with: every port kept where it is free, else the next free one.

    `gateway` is the engine's bridge address, the host as containers see it. `aliases` are further names
    under which images of our registry are known; those of earlier starts stay.
    """
    given: set[int] = set()

    def free(wanted: int) -> int:
        for port in range(wanted, wanted + _TRIES):
            if port not in given and is_free(port):
                given.add(port)
                return port
        raise HostError(f"None of the ports {wanted} to {wanted + _TRIES - 1} is free on this machine.")

    coordinator_port = free(config.coordinator.port)
    aws_port = free(config.aws.port)
    registry_port = free(_port(config.registry.address) or 5050)
    bind = (LOOPBACK,) if gateway == LOOPBACK else (LOOPBACK, gateway)
    return Config(
        coordinator=replace(
            config.coordinator,
            port=coordinator_port,
            bind=bind,
            external_url=f"http://{LOOPBACK}:{coordinator_port}",
            container_url=f"http://{gateway}:{coordinator_port}",
        ),
        registry=replace(
            config.registry,
            address=f"registry.{CONTAINER_DOMAIN}:{registry_port}",
            engine_address=f"{LOOPBACK}:{registry_port}",
            aliases=tuple(dict.fromkeys((*config.registry.aliases, *aliases))),
        ),
        aws=replace(
            config.aws,
            port=aws_port,
            bind=bind,
            endpoint_url=f"http://{LOOPBACK}:{aws_port}",
            container_url=f"http://{gateway}:{aws_port}",
        ),
    )


def _port(address: str) -> int | None:
    _, colon, port = address.rpartition(":")
    return int(port) if colon and port.isdigit() else None
