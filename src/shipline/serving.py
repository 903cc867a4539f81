"""What both web programs need of uvicorn: several addresses per server, and signals that stay ours."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AbstractContextManager, nullcontext

import uvicorn

from shipline.errors import HostError

BACKLOG = 2048


def listen(address: str, port: int) -> socket.socket:
    """A listening socket. Raises HostError when the address is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        raise HostError(
            f"Cannot listen on {address}:{port}: {error.strerror}.", hint="Choose another --port."
        ) from error
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


class Server(uvicorn.Server):
    """uvicorn takes SIGINT and SIGTERM for itself; here the program decides, and sets `should_exit`. `answering` is
    set once somebody listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()
