"""The local AWS endpoint as a program."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath

import aiodocker
import httpx
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shipline.config import Config, DataFolder
from shipline.engine.client import connect, translated
from shipline.engine.images import Credentials
from shipline.engine.labels import labels
from shipline.engine.reap import reap
from shipline.errors import EngineError
from shipline.local_aws import access_keys
from shipline.local_aws.arns import Arns
from shipline.local_aws.context import Context
from shipline.local_aws.ecs.containers import ROLE, Ground
from shipline.local_aws.ecs.scheduler import Scheduler
from shipline.local_aws.ecs.task_run import Surroundings
from shipline.local_aws.elb import api as elb
from shipline.local_aws.elb.proxy import ROLE as PROXY_ROLE
from shipline.local_aws.elb.proxy import Proxy
from shipline.local_aws.http import application
from shipline.local_aws.store import Store
from shipline.protocols.registry_token import ECR_USER, ecr_password
from shipline.serving import Server, listen

SHUTDOWN_SECONDS = 5
PULL_PASSWORD_SECONDS = 3600


async def serve(data: DataFolder, config: Config, docker_host: str) -> None:
    """Until SIGINT or SIGTERM. Raises HostError when an address is taken, EngineUnavailable without an
    engine."""
    sockets = [listen(address, config.aws.port) for address in config.aws.bind]
    owner = data.owner()
    key = access_keys.ensure(data.aws / "credentials")
    async with AsyncExitStack() as stack:
        docker = await stack.enter_async_context(connect(docker_host))
        stack.push_async_callback(_remove_all, docker, owner)
        await _remove_all(docker, owner)
        store = Store(data.aws / "local-aws.sqlite3")
        stack.callback(store.close)
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                trust_env=False, headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}
            )
        )
        context = _context(data, config, docker, store, client)
        await _create_network(docker, owner)
        _keep_ports(context)
        await elb.reconfigure(context)
        stack.push_async_callback(context.proxy.end)
        context.scheduler.begin()
        stack.push_async_callback(context.scheduler.end)
        server = Server(
            uvicorn.Config(
                application(context, key),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                timeout_keep_alive=75,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        await server.serve(sockets)


def _context(
    data: DataFolder, config: Config, docker: aiodocker.Docker, store: Store, client: httpx.AsyncClient
) -> Context:
    owner = data.owner()
    arns = Arns(config.aws.region, config.aws.account_id)
    ecr_key = _ecr_key(data)

    def credentials(registry: str) -> Credentials | None:
        if registry != config.registry.address:
            return None
        password = ecr_password(
            service=config.registry.service,
            now=int(time.time()),
            lifetime=PULL_PASSWORD_SECONDS,
            token_id=secrets.token_hex(16),
            key=ecr_key,
        )
        return Credentials(registry, ECR_USER, password)

    proxy = Proxy(docker, owner, data.aws / "haproxy", config.aws.bind)
    ground = Ground(owner, network_name(owner), PurePosixPath(data.aws / "volumes"))
    around = Surroundings(docker, ground, config.registry.for_engine(), credentials, proxy, client)
    scheduler = Scheduler(store, around, arns, time.time, lambda: secrets.token_hex(16))
    return Context(
        config,
        store,
        arns,
        scheduler,
        proxy,
        ecr_key,
        time.time,
        lambda: secrets.token_hex(16),
        _is_free(config.aws.bind),
    )


def network_name(owner: str) -> str:
    return f"shipline-{owner}"


async def _create_network(docker: aiodocker.Docker, owner: str) -> None:
    async with translated("creating the tasks' network"):
        await docker.networks.create(
            {"Name": network_name(owner), "Driver": "bridge", "Labels": labels(owner, ROLE)}
        )


async def _remove_all(docker: aiodocker.Docker, owner: str) -> None:
    """Ours alone: what others of the same owner run stays."""
    with contextlib.suppress(EngineError):
        await reap(docker, owner, roles=(PROXY_ROLE, ROLE))


def _keep_ports(context: Context) -> None:
    """A listener whose port somebody else has taken meanwhile gets another one."""
    for listener in context.store.listeners:
        if not context.is_free(listener.local_port):
            context.store.listeners.delete(listener.arn)
            moved = replace(listener, local_port=elb.local_port(context, listener.port))
            context.store.listeners.put(listener.arn, moved)


def _is_free(addresses: tuple[str, ...]) -> Callable[[int], bool]:
    def is_free(port: int) -> bool:
        for address in addresses:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
        return True

    return is_free


def _ecr_key(data: DataFolder) -> ec.EllipticCurvePrivateKey:
    """The key that signs ECR's passwords; the coordinator reads its public half."""
    path = data.aws / "ecr-token.key"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(
            path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    data.ecr_public_key.write_bytes(
        loaded.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return loaded


def _write_private(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_bytes(content)
