"""HAProxy: the configuration we write, the runtime API's commands and answers.

Source: HAProxy 2.6's configuration manual and management guide (section 9.3, "Unix Socket commands").
Backends and servers are named by us; names hold only letters, digits, `-` and `_`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shipline.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Frontend:
    """One listening port; everything goes to `backend`."""

    name: str
    addresses: tuple[str, ...]
    port: int
    backend: str


@dataclass(frozen=True, slots=True)
class Backend:
    name: str
    servers: tuple[Server, ...] = ()


def configuration(frontends: Sequence[Frontend], backends: Sequence[Backend], socket: str) -> str:
    """The file, complete. A request goes to a server on a connection of its own (`http-server-close`), so
    that a server which is being drained gets no more of them from clients that keep their connection."""
    lines = [
        "global",
        f"    stats socket {socket} mode 600 level admin expose-fd listeners",
        "    log stderr format raw local0 notice",
        "    hard-stop-after 60s",
        "defaults",
        "    mode http",
        "    log global",
        "    balance roundrobin",
        "    option http-server-close",
        "    option forwardfor",
        "    option redispatch 1",
        "    retries 3",
        "    retry-on conn-failure",
        "    timeout connect 2s",
        "    timeout client 60s",
        "    timeout server 60s",
        "    timeout http-request 15s",
        "    timeout queue 10s",
    ]
    for frontend in frontends:
        lines.append(f"frontend {frontend.name}")
        lines += [f"    bind {address}:{frontend.port}" for address in frontend.addresses]
        lines += [
            "    http-request set-header X-Forwarded-Proto http",
            f"    http-request set-header X-Forwarded-Port {frontend.port}",
            f"    default_backend {frontend.backend}",
        ]
    for backend in backends:
        lines.append(f"backend {backend.name}")
        lines += [f"    server {server.name} {server.address}:{server.port}" for server in backend.servers]
    return "\n".join(lines) + "\n"


def add_server(backend: str, server: Server) -> tuple[str, str]:
    """Two commands, to be sent one after the other: a new server starts in maintenance."""
    where = f"{backend}/{server.name}"
    return f"add server {where} {server.address}:{server.port}", f"set server {where} state ready"


def drain_server(backend: str, name: str) -> str:
    return f"set server {backend}/{name} state drain"


def remove_server(backend: str, name: str) -> tuple[str, str]:
    """Two commands: a server can be deleted only while it is in maintenance."""
    return f"set server {backend}/{name} state maint", f"del server {backend}/{name}"


def check(command: str, answer: str) -> None:
    """Raises ProtocolError when the runtime API did not do what it was told. What it says on success is
    nothing, or a sentence that begins with one of these words."""
    said = answer.strip()
    if said and not said.startswith(("New server registered", "Server deleted")):
        raise ProtocolError(f"HAProxy to `{command}`: {said[:200]}")


SHOW_STATISTICS = "show stat -1 4 -1"


def sessions(answer: str) -> dict[tuple[str, str], int]:
    """What `show stat` told: (backend, server) -> sessions that are open now, the queued ones included."""
    rows = csv.DictReader(io.StringIO(answer.removeprefix("# ")))
    return {
        (row["pxname"], row["svname"]): int(row["scur"] or 0) + int(row["qcur"] or 0)
        for row in rows
        if row.get("svname")
    }


def names(answer: str) -> Iterable[str]:
    """What `show backend` told: the backends' names."""
    return [line.strip() for line in answer.splitlines() if line.strip() and not line.startswith("#")]
