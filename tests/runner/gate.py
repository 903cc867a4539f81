"""What stands between a runner, its jobs and their coordinator: it passes calls on, and holds those that a test
names. A call that is held is a moment that lasts: whoever makes it can be killed in the middle of it.

It is three things more. `/say/WORD/ID` notes that a job's script has come that far; everything below `/store/` is an
S3 bucket without anything in it; and as a registry it has no image.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.coordinator.server import until

NOT_PASSED_ON = frozenset(("connection", "transfer-encoding", "content-length", "keep-alive"))
HOLD_LIMIT = 120.0


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    content: bytes = field(default=b"", repr=False)

    def is_(self, method: str, *parts: str) -> bool:
        """Whether its path has these parts in it, in this order."""
        at = 0
        for part in parts:
            if (at := self.path.find(part, at)) < 0:
                return False
        return self.method == method


Which = Callable[[Call], bool]


@dataclass
class Hold:
    """Calls that are `which` come no further; with a `status` the coordinator hears them, and what it answers with
    that status comes no further."""

    which: Which
    status: int | None = None
    calls: list[Call] = field(default_factory=list)
    armed: bool = True
    over: threading.Event = field(default_factory=threading.Event)

    def reached(self, what: str) -> Call:
        """The first call that was held, as soon as there is one."""
        until(lambda: self.calls, what)
        return self.calls[0]


@dataclass
class Gate:
    """`upstream` is the coordinator's port on this machine. `said`: how often each word came from each job."""

    upstream: int
    port: int = 0
    said: Counter[tuple[str, int]] = field(default_factory=Counter)
    holds: list[Hold] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set[socket.socket] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def holding(self, which: Which, status: int | None = None) -> Iterator[Hold]:
        """Whatever is held in the end is dropped."""
        hold = Hold(which, status)
        self.holds.append(hold)
        try:
            yield hold
        finally:
            hold.armed = False
            hold.over.set()
            self.holds.remove(hold)

    def cut(self) -> None:
        """Its client is dead: the coordinator learns that as it would without us. What is held stays so, and
        nothing else is held from now on."""
        for hold in self.holds:
            hold.armed = False
        with self.lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def keep(self, call: Call, status: int | None = None) -> bool:
        """Whether the call, or its answer with that status, is to be dropped: after it was held."""
        for hold in list(self.holds):
            if hold.armed and hold.status == status and hold.which(call):
                hold.calls.append(call)
                hold.over.wait(HOLD_LIMIT)
                return True
        return False

    def pass_on(self, call: Call, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=HOLD_LIMIT)
        upstream.connect()
        kept = upstream.sock
        with self.lock:
            self._open.add(kept)
        try:
            sent = {key: value for key, value in headers.items() if key.lower() not in NOT_PASSED_ON}
            upstream.request(call.method, call.path, call.content, sent)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            with self.lock:
                self._open.discard(kept)
            upstream.close()


@contextmanager
def gate(upstream: int) -> Iterator[Gate]:
    made = Gate(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_words: Any) -> None:
            pass

        def _any(self) -> None:
            call = Call(self.command, self.path, self._content())
            if made.keep(call):
                self.close_connection = True
                return
            try:
                status, headers, content = self._answer(call)
            except (OSError, http.client.HTTPException):
                # Cut, or the coordinator went away.
                self.close_connection = True
                return
            if made.keep(call, status):
                self.close_connection = True
                return
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in NOT_PASSED_ON:
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer(self, call: Call) -> tuple[int, list[tuple[str, str]], bytes]:
            if call.path.startswith("/say/"):
                _, _, word, job = call.path.split("/")
                with made.lock:
                    made.said[word, int(job)] += 1
                return 200, [], b"noted\n"
            if call.path.startswith("/store/"):
                return (200 if call.method == "PUT" else 404), [], b""
            if call.path.startswith("/v2/"):
                return 404, [], b""
            return made.pass_on(call, dict(self.headers))

        def _content(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 100

        def handle_error(self, *_words: Any) -> None:
            """Its clients are killed: that is what it is for."""

    server = Server(("", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        for hold in made.holds:
            hold.over.set()
        made.cut()
        server.shutdown()
        server.server_close()
        thread.join()
