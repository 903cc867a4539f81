"""The threads in which requests are answered, kept with their connections to the database. Django's own handler takes
a new thread for each request, and so each makes a connection of its own: on PostgreSQL that takes longer than most
answers, and a hundred requests at once would be a hundred connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

KEPT = 8


class KeptThreads:
    """On the loop's thread. There are as many as requests that are under way; of those that are free, some stay."""

    def __init__(self) -> None:
        self._free: list[ThreadPoolExecutor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """What Django does for a request, it does in one thread until the end of the body."""
        executor = self._free.pop() if self._free else ThreadPoolExecutor(1, thread_name_prefix="request")
        try:
            async with ThreadSensitiveContext(executor=executor):
                yield
        finally:
            if len(self._free) < KEPT:
                self._free.append(executor)
            else:
                executor.submit(connections.close_all)
                executor.shutdown(wait=False)

    def close(self) -> None:
        """When no request is under way any more."""
        for executor in self._free:
            executor.submit(connections.close_all)
            executor.shutdown()
        self._free.clear()


class Handler(ASGIHandler):
    def __init__(self, threads: KeptThreads) -> None:
        super().__init__()
        self._threads = threads

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        async with self._threads.one():
            await super().__call__(scope, receive, send)
