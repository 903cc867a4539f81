"""Removes what an owner left behind: containers, then networks, then volumes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import aiodocker
from aiodocker.containers import DockerContainer
from aiodocker.networks import DockerNetwork
from aiodocker.volumes import DockerVolume

from shipline.engine.client import translated
from shipline.engine.labels import ROLE, owned_by

NETWORK_TRIES = 20
NETWORK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Reaped:
    containers: int = 0
    networks: int = 0
    volumes: int = 0


async def reap(
    docker: aiodocker.Docker,
    owner: str,
    *,
    roles: Collection[str] = (),
    spared: Callable[[str], bool] = lambda _name: False,
) -> Reaped:
    """Remove all containers, networks and volumes with the owner's label (and one of `roles`, if any are
    given), whatever their state, but those whose name is `spared`: that is asked after they were listed.

    Safe to call twice and beside another reaper: what is already gone is not an error. Raises EngineError.
    """
    filters = owned_by(owner)

    def mine(name: str, labels: Mapping[str, str] | None) -> bool:
        return (not roles or (labels or {}).get(ROLE) in roles) and not spared(name)

    async with translated("removing what is left over"):
        containers = [
            container
            for container in await docker.containers.list(all=True, filters=filters)
            if mine(_name_of(container), container["Labels"])
        ]
        await asyncio.gather(*(_or_gone(container.delete(force=True, v=True)) for container in containers))
        networks = [
            one for one in await docker.networks.list(filters=filters) if mine(one["Name"], one["Labels"])
        ]
        for network in networks:
            await _remove_network(DockerNetwork(docker, network["Id"]))
        listed = await docker.volumes.list(filters=filters)
        volumes = [one for one in listed.get("Volumes") or [] if mine(one["Name"], one["Labels"])]
        for volume in volumes:
            await _or_gone(DockerVolume(docker, volume["Name"]).delete())
    return Reaped(len(containers), len(networks), len(volumes))


def _name_of(container: DockerContainer) -> str:
    """One that is being removed has none any more."""
    return str(next(iter(container["Names"] or ()), "")).lstrip("/")


async def _remove_network(network: DockerNetwork) -> None:
    """A container that another reaper is removing right now may still be on it for a moment (403)."""
    for _ in range(NETWORK_TRIES - 1):
        try:
            return await _or_gone(network.delete())
        except aiodocker.DockerError as error:
            if error.status != 403:
                raise
        await asyncio.sleep(NETWORK_SECONDS)
    return await _or_gone(network.delete())


async def _or_gone(removal: Awaitable[object]) -> None:
    try:
        await removal
    except aiodocker.DockerError as error:
        # 404: gone already; 409: another reaper is removing it right now.
        if error.status not in (404, 409):
            raise
