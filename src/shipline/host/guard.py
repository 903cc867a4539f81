"""A small process that outlives its parent, to clean up when that was killed.

It holds the reading end of a pipe. A parent that ends as it should says goodbye first; a pipe that closes
without it means that the parent is dead, by whatever signal: then everything with the owner's label is
removed, and an engine of our own is stopped if it was the last user.

As long as it lives it holds a lock. The next life of the same owner waits for that: what it starts would
otherwise be removed by the guard of the life before.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipline.engine.client import connect
from shipline.engine.reap import reap
from shipline.errors import ShiplineError

GOODBYE = b"goodbye"


@contextmanager
def guard(owner: str, docker_host: str, lock: Path) -> Iterator[int]:
    """While the body runs, somebody watches that it ends in order. Yields the guard's process id. Waits until
    an earlier guard with the same `lock` is gone."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "shipline.host.guard", owner, docker_host, str(lock)],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(reading)
    try:
        yield process.pid
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(writing, GOODBYE)
        os.close(writing)
        process.wait()


def main() -> None:
    owner, docker_host, lock = sys.argv[1:4]
    said = b""
    with Path(lock).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        while part := os.read(0, 64):
            said += part
        if said != GOODBYE:
            asyncio.run(_clean(owner, docker_host))


async def _clean(owner: str, docker_host: str) -> None:
    # The programs end with their parent too; a container that one of them had just asked for may turn up
    # behind the first sweep.
    with contextlib.suppress(ShiplineError):
        async with connect(docker_host) as docker:
            for _ in range(3):
                await reap(docker, owner)
                await asyncio.sleep(1)
    # Imported late: most guards say goodbye, and never need to know about engines.
    from shipline.host.engine import own_engine, stop_when_unused

    own = own_engine()
    if docker_host == own.docker_host and Path(own.folder).exists():
        stop_when_unused(own)


if __name__ == "__main__":
    main()
