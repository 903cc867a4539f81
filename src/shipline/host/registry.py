"""The registry: CNCF Distribution in a container, with TLS by a private authority and the coordinator as its
token service. It is the projects' registry, the local ECR's store, and a mirror of the Hub for docker:dind.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodocker
import httpx

from shipline.config import Config, DataFolder
from shipline.engine.client import translated
from shipline.engine.images import Credentials
from shipline.engine.labels import labels
from shipline.errors import EngineError, HostError
from shipline.host.certificates import ensure_authority, issue_server
from shipline.host.images import REGISTRY
from shipline.protocols.image_reference import parse_image_reference

ROLE = "registry"
PORT = 5000
READY_SECONDS = 30.0
INNER_BRIDGE = "10.213.0.1/24"
INNER_POOL = "10.214.0.0/16"


def configuration(config: Config) -> str:
    """Distribution's config.yml (JSON is YAML)."""
    document = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": "/var/lib/registry"},
            "delete": {"enabled": True},
        },
        "http": {
            "addr": f":{PORT}",
            "tls": {"certificate": "/etc/docker/registry/tls.crt", "key": "/etc/docker/registry/tls.key"},
        },
        "auth": {
            "token": {
                "realm": f"{config.coordinator.container_url}/jwt/auth",
                "service": config.registry.service,
                "issuer": config.registry.issuer,
                "rootcertbundle": "/etc/docker/registry/token.crt",
            }
        },
    }
    return json.dumps(document, indent=2)


@asynccontextmanager
async def registry(
    docker: aiodocker.Docker, data: DataFolder, config: Config, owner: str, gateway: str
) -> AsyncIterator[None]:
    """The registry runs while the body does. The coordinator must have made its token certificate."""
    folder = data.registry
    (folder / "storage").mkdir(parents=True, exist_ok=True)
    ensure_authority(folder)
    names = [address.partition(":")[0] for address in (config.registry.address, *config.registry.aliases)]
    issue_server(folder, [*names, "localhost", "127.0.0.1", gateway])
    (folder / "config.yml").write_text(configuration(config))
    port = config.registry.engine_address.rpartition(":")[2]
    addresses = dict.fromkeys(["127.0.0.1", gateway])
    async with translated("starting the registry"):
        container = await docker.containers.create(
            {
                "Image": REGISTRY,
                "Labels": labels(owner, ROLE),
                "ExposedPorts": {f"{PORT}/tcp": {}},
                "Env": ["OTEL_TRACES_EXPORTER=none"],
                "HostConfig": {
                    "PortBindings": {
                        f"{PORT}/tcp": [{"HostIp": address, "HostPort": port} for address in addresses]
                    },
                    "Binds": [
                        f"{folder / 'storage'}:/var/lib/registry",
                        f"{folder / 'config.yml'}:/etc/docker/registry/config.yml:ro",
                        f"{folder / 'tls.crt'}:/etc/docker/registry/tls.crt:ro",
                        f"{folder / 'tls.key'}:/etc/docker/registry/tls.key:ro",
                        f"{data.registry_token_certificate}:/etc/docker/registry/token.crt:ro",
                    ],
                },
            },
            name=f"shipline-{owner}-registry",
        )
    try:
        async with translated("starting the registry"):
            await container.start()
        await _answers(config, data, container)
        yield
    finally:
        await container.delete(force=True, v=True)


async def _answers(config: Config, data: DataFolder, container: aiodocker.containers.DockerContainer) -> None:
    trust = ssl.create_default_context(cafile=str(data.registry / "ca.crt"))
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                answer = await client.get(f"https://{config.registry.engine_address}/v2/")
                if answer.status_code == 401:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    said = "".join(await container.log(stdout=True, stderr=True, tail=5))
    raise HostError(f"The registry did not answer at {config.registry.engine_address}:\n{said}")


def write_dind_folder(data: DataFolder, config: Config) -> None:
    """What the runner mounts into every docker:dind: the registry as mirror of the Hub, and its authority."""
    folder = data.runner / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    daemon = {
        "registry-mirrors": [f"https://{config.registry.address}"],
        # By default its bridge would have the very addresses of the bridge on this host, and hide the host.
        "bip": INNER_BRIDGE,
        "default-address-pools": [{"base": INNER_POOL, "size": 24}],
    }
    (folder / "daemon.json").write_text(json.dumps(daemon) + "\n")
    authority = (data.registry / "ca.crt").read_bytes()
    port = config.registry.address.rpartition(":")[2]
    for name in (config.registry.address, *(f"{alias}:{port}" for alias in config.registry.aliases)):
        trusted = folder / "certs.d" / name
        trusted.mkdir(parents=True, exist_ok=True)
        (trusted / "ca.crt").write_bytes(authority)


async def publish(docker: aiodocker.Docker, image: str, name: str, credentials: Credentials) -> None:
    """Push an image that the engine holds to a registry as `name`. Raises EngineError with its reason."""
    reference = parse_image_reference(name)
    repository = f"{reference.registry}/{reference.repository}"
    tag = reference.tag or "latest"
    async with translated(f"pushing {image} to {repository}"):
        await docker.images.tag(image, repository, tag=tag)
        try:
            auth = {"username": credentials.username, "password": credentials.password}
            async for message in docker.images.push(repository, tag=tag, auth=auth, stream=True):
                if "error" in message:
                    raise EngineError(f"pushing {image} to {repository}: {message['error']}")
        finally:
            await docker.images.delete(f"{repository}:{tag}", noprune=True)
