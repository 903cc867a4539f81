"""A coordinator that answers what a test says, over real HTTP; and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def call(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"

    def json(self) -> Any:
        return json.loads(self.content)


Answer = Reply | Callable[[Asked], Reply]


@dataclass
class Scripted:
    """`replies` by "METHOD /path below /api/v4": each is given once, the last again and again."""

    replies: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def says(self, call: str, *answers: Answer) -> None:
        self.replies[call] = list(answers)

    def calls(self, call: str) -> list[Asked]:
        return [one for one in list(self.asked) if one.call == call]

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        found = self.replies.get(asked.call)
        if not found:
            return Reply(404, {"message": "404 Not Found"})
        answer = found.pop(0) if len(found) > 1 else found[0]
        return answer if isinstance(answer, Reply) else answer(asked)


@contextmanager
def scripted(tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Over TLS with a context for it."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_words: Any) -> None:
            pass

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            if len(content) < length:
                # Its client has given the call up.
                self.close_connection = True
                return
            path = self.path.removeprefix("/api/v4")
            reply = script.answer(Asked(self.command, path, dict(self.headers), content))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            if reply.status != 204:
                self.wfile.write(reply.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_words: Any) -> None:
            """A client that goes away, or is not believed, is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        # Each connection shakes hands in its own thread, not where the next is waited for.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    script.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
