"""The load balancer: HAProxy in a container on the host's network. Servers come and go through its runtime API
without a reload; a new listener is a reload that drops no connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import aiodocker
from aiodocker.containers import DockerContainer

from shipline.engine.client import translated
from shipline.engine.images import find_image, pull_image
from shipline.engine.labels import labels
from shipline.errors import EngineError, ProtocolError
from shipline.local_aws.elb.values import Listener, TargetGroup
from shipline.protocols import haproxy
from shipline.protocols.haproxy import Backend, Frontend, Server

IMAGE = "haproxy:2.6"
ROLE = "load-balancer"
READY_SECONDS = 15.0
_CONFIG_IN_CONTAINER = "/usr/local/etc/haproxy"
_SOCKET_IN_CONTAINER = "/run/shipline"
_SOCKET = "admin.sock"


@dataclass
class Proxy:
    """`folder` holds its configuration and its socket; `bind` are the addresses of all listeners."""

    docker: aiodocker.Docker
    owner: str
    folder: Path
    bind: tuple[str, ...]
    _listeners: tuple[Listener, ...] = ()
    _groups: tuple[TargetGroup, ...] = ()
    _servers: dict[str, dict[str, Server]] = field(default_factory=dict)
    _container: DockerContainer | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def configure(self, listeners: Iterable[Listener], groups: Iterable[TargetGroup]) -> None:
        """Listen where `listeners` say, and only there. Starts HAProxy when it is first needed. Raises
        EngineError."""
        async with self._lock:
            self._listeners, self._groups = tuple(listeners), tuple(groups)
            if not self._listeners:
                await self._stop()
                return
            await asyncio.to_thread(self._write)
            if self._container is None:
                await self._start()
            else:
                async with translated("reloading the load balancer"):
                    await self._container.kill(signal="SIGUSR2")
            await self._ready()

    async def add(self, group: TargetGroup, name: str, address: str, port: int) -> None:
        server = Server(name, address, port)
        async with self._lock:
            self._servers.setdefault(group.backend, {})[name] = server
            if self._serves(group):
                await asyncio.to_thread(self._write)
                await self._told(*haproxy.add_server(group.backend, server))

    async def drain(self, group: TargetGroup, name: str) -> None:
        """Give it no new requests, and wait until it has none, or for the deregistration delay."""
        async with self._lock:
            await self._forget(group, name)
            if self._serves(group):
                await self._told(haproxy.drain_server(group.backend, name))
        deadline = time.monotonic() + group.deregistration_delay
        while self._serves(group) and time.monotonic() < deadline:
            open_now = haproxy.sessions(await self._ask(haproxy.SHOW_STATISTICS))
            if open_now.get((group.backend, name), 0) == 0:
                break
            await asyncio.sleep(0.05)
        await self._delete(group, name)

    async def remove(self, group: TargetGroup, name: str) -> None:
        """Take it out at once: it does not answer any more."""
        async with self._lock:
            await self._forget(group, name)
        await self._delete(group, name)

    async def end(self) -> None:
        async with self._lock:
            await self._stop()

    async def _delete(self, group: TargetGroup, name: str) -> None:
        async with self._lock:
            if not self._serves(group):
                return
            maintenance, delete = haproxy.remove_server(group.backend, name)
            with contextlib.suppress(ProtocolError):
                # Gone already after a reload; or still in use by a request, and then it stays in maintenance
                # until the next reload.
                await self._told(maintenance, delete)

    async def _forget(self, group: TargetGroup, name: str) -> None:
        """The file always says what is true now, for the next reload or restart."""
        self._servers.get(group.backend, {}).pop(name, None)
        if self._serves(group):
            await asyncio.to_thread(self._write)

    def _serves(self, group: TargetGroup) -> bool:
        return self._container is not None and any(one.target_group == group.arn for one in self._listeners)

    def _write(self) -> None:
        used = {listener.target_group for listener in self._listeners}
        frontends = [
            Frontend(f"listener-{one.local_port}", self.bind, one.local_port, self._backend_of(one))
            for one in self._listeners
        ]
        backends = [
            Backend(group.backend, tuple(self._servers.get(group.backend, {}).values()))
            for group in self._groups
            if group.arn in used
        ]
        text = haproxy.configuration(frontends, backends, f"{_SOCKET_IN_CONTAINER}/{_SOCKET}")
        folder = self.folder / "config"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / "haproxy.cfg.new"
        temporary.write_text(text)
        temporary.replace(folder / "haproxy.cfg")

    def _backend_of(self, listener: Listener) -> str:
        return next(group.backend for group in self._groups if group.arn == listener.target_group)

    async def _start(self) -> None:
        socket_folder = self.folder / "run"
        socket_folder.mkdir(parents=True, exist_ok=True)
        (socket_folder / _SOCKET).unlink(missing_ok=True)
        image = await find_image(self.docker, IMAGE, {}) or await pull_image(self.docker, IMAGE, aliases={})
        async with translated("starting the load balancer"):
            self._container = await self.docker.containers.create(
                {
                    "Image": image.id,
                    "Labels": labels(self.owner, ROLE),
                    # Its socket must be ours to open, and its configuration ours to write.
                    "User": f"{os.getuid()}:{os.getgid()}",
                    "HostConfig": {
                        "NetworkMode": "host",
                        "RestartPolicy": {"Name": "on-failure"},
                        "Binds": [
                            f"{self.folder / 'config'}:{_CONFIG_IN_CONTAINER}:ro",
                            f"{socket_folder}:{_SOCKET_IN_CONTAINER}",
                        ],
                    },
                },
                name=f"shipline-{self.owner}-load-balancer",
            )
            await self._container.start()

    async def _stop(self) -> None:
        if self._container is not None:
            with contextlib.suppress(aiodocker.DockerError):
                await self._container.delete(force=True, v=True)
            self._container = None

    async def _ready(self) -> None:
        """Until the worker that answers knows every backend. Raises EngineError with what HAProxy said."""
        wanted = {self._backend_of(listener) for listener in self._listeners}
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if wanted <= set(haproxy.names(await self._ask("show backend"))):
                    return
            await asyncio.sleep(0.03)
        assert self._container is not None
        said = "".join(await self._container.log(stdout=True, stderr=True, tail=5))
        raise EngineError(f"The load balancer did not get ready:\n{said}")

    async def _told(self, *commands: str) -> None:
        for command in commands:
            haproxy.check(command, await self._ask(command))

    async def _ask(self, command: str) -> str:
        # A socket's path may hold 107 bytes; the way over the open folder is always short enough.
        folder = os.open(self.folder / "run", os.O_PATH | os.O_DIRECTORY)
        try:
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{_SOCKET}")
        finally:
            os.close(folder)
        try:
            writer.write(command.encode() + b"\n")
            await writer.drain()
            return (await reader.read()).decode(errors="replace")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
