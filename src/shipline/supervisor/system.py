"""The order in which the system comes up, is watched, and goes down."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import aiodocker
import httpx

from shipline import config
from shipline.config import Config, DataFolder
from shipline.engine.client import connect
from shipline.engine.reap import reap
from shipline.errors import HostError, RemoteError
from shipline.host.engine import engine
from shipline.host.guard import guard
from shipline.host.images import HELPER, LOAD_BALANCER, REGISTRY, ensure_images
from shipline.host.registry import registry, write_dind_folder
from shipline.supervisor import addresses, runner_config, state
from shipline.supervisor.children import Child, restart_delay

READY_SECONDS = 60.0
Progress = Callable[[str], None]


@dataclass
class System:
    """What is up. `stop` ends it, from a signal handler or from the watch over the children."""

    data: DataFolder
    config: Config
    running: state.Running
    children: list[Child]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    failure: HostError | None = None


@asynccontextmanager
async def system(data: DataFolder, *, aliases: Sequence[str], progress: Progress) -> AsyncIterator[System]:
    """Bring everything up, yield while it runs, take everything down again, whatever happened."""
    async with AsyncExitStack() as stack:
        stack.enter_context(state.hold(data))
        database_url = config.take_database_url()
        owner = data.owner()
        docker_host = await stack.enter_async_context(engine(progress))
        stack.enter_context(guard(owner, docker_host, data.run / "guard.lock"))
        docker = await stack.enter_async_context(connect(docker_host))
        await reap(docker, owner)
        stack.push_async_callback(reap, docker, owner)

        await ensure_images(docker_host, (REGISTRY, LOAD_BALANCER, HELPER), progress)
        gateway = await bridge_gateway(docker)
        settled = addresses.settle(config.load(data), gateway, _is_free, aliases)
        config.save(data, settled)
        environment = dict(os.environ) | {"DOCKER_HOST": docker_host}

        progress("Starting the coordinator")
        children: list[Child] = []
        stack.push_async_callback(_stop_all, children)
        secret = {config.DATABASE_URL: database_url} if database_url else {}
        await _start(children, data, "coordinator", ("coordinator",), environment | secret)
        await _answers(f"{settled.coordinator.external_url}/-/readiness", children[-1])

        progress("Starting the registry")
        await stack.enter_async_context(registry(docker, data, settled, owner, gateway))
        write_dind_folder(data, settled)

        progress("Starting the local AWS endpoint")
        await _start(children, data, "local-aws", ("local-aws",), environment)
        await _answers(f"{settled.aws.endpoint_url}/_shipline/services", children[-1])

        progress("Starting the runner")
        await _write_runner_config(data, settled, owner, gateway)
        await _start(children, data, "runner", ("runner", "run"), environment)

        up = System(data, settled, _running(data, settled, docker_host, children), children)
        state.write(data, up.running)
        watches = [asyncio.create_task(_watch(up, child)) for child in children]
        stack.push_async_callback(_cancel, watches)
        yield up
        if up.failure:
            raise up.failure


async def bridge_gateway(docker: aiodocker.Docker) -> str:
    """The host's address on the engine's default bridge: where containers reach programs on this host."""
    details = await (await docker.networks.get("bridge")).show()
    for block in details["IPAM"]["Config"] or []:
        if gateway := block.get("Gateway"):
            return str(gateway)
        if subnet := block.get("Subnet"):
            # Engines before 23 leave the gateway out when it is the subnet's first address.
            return str(subnet).rpartition(".")[0] + ".1"
    raise HostError(
        "The Docker Engine has no default bridge network.", hint="Start it without `--bridge=none`."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a connection of an earlier run in TIME_WAIT does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - taken on any address is taken; closed at once
        except OSError:
            return False
    return True


async def _start(
    children: list[Child], data: DataFolder, name: str, words: Sequence[str], environment: dict[str, str]
) -> None:
    child = Child(name, (*words, "--data", str(data.root)), environment, data.run / f"{name}.log")
    children.append(child)
    await child.start()


async def _answers(url: str, child: Child) -> None:
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if child.running.returncode is not None:
                raise HostError(
                    f"The {child.name} ended at once (exit code {child.running.returncode}):\n"
                    f"{child.last_lines()}",
                    hint=f"Its log is {child.log}.",
                )
            try:
                if (await client.get(url)).status_code < 500:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise HostError(
        f"The {child.name} did not answer at {url} in {READY_SECONDS:.0f} s.", hint=f"Its log is {child.log}."
    )


async def _write_runner_config(data: DataFolder, settled: Config, owner: str, gateway: str) -> None:
    path = data.runner / "config.toml"
    token = runner_config.token_in(path)
    if token is None:
        token = await _create_runner(data, settled)
    runner_config.write(path, runner_config.render(settled, token, owner, gateway, data))


async def _create_runner(data: DataFolder, settled: Config) -> str:
    headers = {"PRIVATE-TOKEN": data.admin_token.read_text().strip()}
    body = {"runner_type": "instance_type", "description": "this machine", "run_untagged": True}
    url = f"{settled.coordinator.external_url}/api/v4/user/runners"
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(url, json=body, headers=headers)
    if answer.status_code != 201:
        raise RemoteError(
            f"The coordinator did not create a runner: {answer.status_code} {answer.text[:200]}"
        )
    return str(answer.json()["token"])


def _running(data: DataFolder, settled: Config, docker_host: str, children: list[Child]) -> state.Running:
    return state.Running(
        pid=os.getpid(),
        docker_host=docker_host,
        coordinator_url=settled.coordinator.external_url,
        registry_address=settled.registry.address,
        registry_engine_address=settled.registry.engine_address,
        aws_endpoint_url=settled.aws.endpoint_url,
        aws_container_url=settled.aws.container_url,
        admin_token_file=str(data.admin_token),
        aws_credentials_file=str(data.aws / "credentials"),
        programs={child.name: child.running.pid for child in children},
    )


async def _watch(up: System, child: Child) -> None:
    """Start a program again when it dies, until that happens too often."""
    while True:
        code = await child.running.wait()
        now = time.monotonic()
        child.deaths = (*child.deaths, now)
        delay = restart_delay(child.deaths, now)
        if delay is None:
            up.failure = HostError(
                f"The {child.name} keeps ending (exit code {code}):\n{child.last_lines()}",
                hint=f"Its log is {child.log}.",
            )
            up.stop.set()
            return
        await asyncio.sleep(delay)
        await child.start()
        programs = up.running.programs | {child.name: child.running.pid}
        up.running = replace(up.running, programs=programs)
        state.write(up.data, up.running)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _stop_all(children: list[Child]) -> None:
    """The coordinator last: the others still have something to tell it."""
    await asyncio.gather(*(child.stop() for child in children[1:]))
    await asyncio.gather(*(child.stop() for child in children[:1]))
