"""A way to the engine that can be cut: to whoever goes through it, the engine is gone."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 1 << 16


@dataclass
class EngineProxy:
    """Passes bytes between a socket of its own and the engine's (`unix://...`)."""

    socket: Path
    engine: str
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def docker_host(self) -> str:
        return f"unix://{self.socket}"

    async def restore(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._connected, self.socket)

    async def cut(self) -> None:
        """Every connection ends in the middle of what it is doing, and there are no new ones."""
        if self._server is not None:
            self._server.close()
        self.socket.unlink(missing_ok=True)
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            to_reader, to_writer = await asyncio.open_unix_connection(self.engine.removeprefix("unix://"))
            try:
                await asyncio.gather(_pass(reader, to_writer), _pass(to_reader, writer))
            finally:
                to_writer.transport.abort()
        except asyncio.CancelledError:
            # Cut: the streams' own callback would complain of a task that was cancelled.
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(CHUNK):
            writer.write(content)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
