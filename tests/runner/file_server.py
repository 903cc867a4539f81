"""A real HTTP server for a job's files: git, a coordinator's artifacts, an object store that checks signatures."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.utils import formatdate, parsedate_to_datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.runner.git_server import GitHandler, GitServer

LIMIT = 1 << 26
ACCESS_KEY, SECRET_KEY = "AKIAEXAMPLE", "wJalrXUtnFEMI/secret"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class FileServer:
    """`answers` come first: a status, or a status and an address to go on at. `artifacts`: job -> archive;
    `uploaded`: (name, content, query); `objects`: what the store keeps."""

    port: int
    answers: list[int | tuple[int, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    artifacts: dict[int, bytes] = field(default_factory=dict)
    uploaded: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class _Handler(GitHandler):
    server: _Listening

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _first(self) -> tuple[bytes, bool]:
        """The body, and whether the request is answered already."""
        parts = urlsplit(self.path)
        query = {key: one for key, (one,) in parse_qs(parts.query).items()}
        self.server.files.asked.append(Asked(self.command, parts.path, query, dict(self.headers)))
        body = self.rfile.read(min(LIMIT, int(self.headers.get("Content-Length", 0))))
        if not self.server.files.answers:
            return body, False
        answer = self.server.files.answers.pop(0)
        if isinstance(answer, tuple):
            self._answer(answer[0], Location=answer[1])
        else:
            self._answer(answer)
        return body, True

    def _signed(self) -> bool:
        """Signed anew with the same key and time, it must come out the same."""
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query)
        given = dict(query).get("X-Amz-Signature", "")
        signer = S3SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", "eu-west-1", 3600)
        bare = "&".join(one for one in parts.query.split("&") if not one.startswith("X-Amz-Signature="))
        request = AWSRequest(self.command, f"http://{self.headers['Host']}{parts.path}?{bare}")
        request.headers["host"] = self.headers["Host"]
        request.context["timestamp"] = dict(query).get("X-Amz-Date", "")
        canonical = signer.canonical_request(request)
        return bool(given) and given == signer.signature(signer.string_to_sign(request, canonical), request)

    def do_POST(self) -> None:
        if ".git/" in self.path:
            self.serve_git()
            return
        body, done = self._first()
        if done:
            return
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + body).get_payload()
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        files = self.server.files
        files.uploaded.append((part.get_filename() or "", content, files.asked[-1].query))
        self._answer(201, b"201")

    def do_GET(self) -> None:
        if ".git/" in self.path:
            self.serve_git()
            return
        if self._first()[1]:
            return
        files, path = self.server.files, urlsplit(self.path).path
        if path.startswith("/store/"):
            self._object(path)
        elif (job := path.split("/")[-2]).isdigit() and int(job) in files.artifacts:
            self._answer(200, files.artifacts[int(job)])
        else:
            self._answer(404)

    def _object(self, path: str) -> None:
        found = self.server.files.objects.get(path)
        if not self._signed():
            self._answer(403)
        elif found is None:
            self._answer(404)
        elif (since := self.headers.get("If-Modified-Since")) and (
            parsedate_to_datetime(since) >= parsedate_to_datetime(found[1])
        ):
            self._answer(304)
        else:
            self._answer(200, found[0], Last_Modified=found[1])

    def do_PUT(self) -> None:
        body, done = self._first()
        if done:
            return
        if not self._signed():
            self._answer(403)
            return
        self.server.files.objects[urlsplit(self.path).path] = (body, formatdate(usegmt=True))
        self._answer(200)


class _Listening(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""

    files: FileServer
    served: GitServer


@contextmanager
def file_server(
    folder: Path, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[tuple[FileServer, GitServer]]:
    """Both on one address, as a coordinator is. The repositories lie in `folder`."""
    root = folder / "repositories"
    root.mkdir(parents=True)
    with _Listening((address, 0), _Handler) as listening:
        port = listening.server_address[1]
        listening.files, listening.served = FileServer(port), GitServer(root, port)
        if tls is not None:
            listening.socket = tls.wrap_socket(
                listening.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.files, listening.served
        finally:
            listening.shutdown()
            thread.join()
