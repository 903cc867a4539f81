"""Removes what an owner left behind: containers, then networks, then volumes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass

import aiodocker
from aiodocker.networks import DockerNetwork
from aiodocker.volumes import DockerVolume

from shipline.engine.labels import ROLE, owned_by


@dataclass(frozen=True, slots=True)
class Reaped:
    containers: int = 0
    networks: int = 0
    volumes: int = 0


async def reap(
    docker: aiodocker.Docker,
    owner: str,
    *,
    role: str | None = None,
    facts: Mapping[str, object] | None = None,
    keep_roles: Collection[str] = (),
) -> Reaped:
    """Remove all containers, networks and volumes with the owner's label (and `role`, `facts`), whatever
    their state. Safe to call twice and beside another reaper: what is already gone is not an error."""
    filters = owned_by(owner, role, facts)
    containers = [
        container
        for container in await docker.containers.list(all=True, filters=filters)
        if container["Labels"].get(ROLE) not in keep_roles
    ]
    await asyncio.gather(*(_or_gone(container.delete(force=True, v=True)) for container in containers))
    networks = [
        network
        for network in await docker.networks.list(filters=filters)
        if network["Labels"].get(ROLE) not in keep_roles
    ]
    for network in networks:
        await _or_gone(DockerNetwork(docker, network["Id"]).delete())
    listed = await docker.volumes.list(filters=filters)
    volumes = [
        volume
        for volume in listed.get("Volumes") or []
        if (volume["Labels"] or {}).get(ROLE) not in keep_roles
    ]
    for volume in volumes:
        await _or_gone(DockerVolume(docker, volume["Name"]).delete())
    return Reaped(len(containers), len(networks), len(volumes))


async def _or_gone(removal: Awaitable[object]) -> None:
    try:
        await removal
    except aiodocker.DockerError as error:
        # 404: gone already; 409: another reaper is removing it right now.
        if error.status not in (404, 409):
            raise
