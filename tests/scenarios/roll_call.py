"""Where scripts say that they begin and that they end: outside everything that is killed."""

from __future__ import annotations

import socketserver
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RollCall:
    """`place` is host/port, as bash's /dev/tcp wants it. `said`: word -> ids, in the order in which they came."""

    place: str = ""
    said: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


@contextmanager
def roll_call(address: str) -> Iterator[RollCall]:
    """Takes lines `WORD ID`, and answers each when it has been noted."""
    roll = RollCall()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                word, number = line.decode().split()
                with roll.lock:
                    roll.said[word].append(int(number))
                self.wfile.write(b"noted\n")

        def finish(self) -> None:
            # A script that was killed does not wait for its answer.
            try:
                super().finish()
            except OSError:
                return

    with _Server((address, 0), Handler) as server:
        place: Any = server.server_address
        roll.place = f"{place[0]}/{place[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield roll
        finally:
            server.shutdown()
            thread.join()
