"""Work that has to be done whoever gives up waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def to_its_end(work: Awaitable[object], seconds: float) -> None:
    """Wait for it at most so long; being cancelled meanwhile, however often, counts afterwards. What goes wrong in it
    is raised, unless we were cancelled; work that takes too long is given up without a word."""
    loop = asyncio.get_running_loop()
    task, end = asyncio.ensure_future(work), loop.time() + seconds
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and (left := end - loop.time()) > 0:
        try:
            await asyncio.wait([task], timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.done():
        task.cancel()
        # Nobody else hears what comes of it.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    if cancelled is not None:
        raise cancelled
    if task.done():
        task.result()
