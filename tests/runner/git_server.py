"""A real git server over HTTP: git's own http-backend behind a password."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

USER, PASSWORD = "gitlab-ci-token", "glcbt-secret"
LIMIT = 1 << 26


def git(*words: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-C", str(folder), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
    )
    return done.stdout.strip()


@dataclass
class GitServer:
    """`asked` are the paths that came with the right password, `refused` those that came without."""

    root: Path
    port: int
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    large: dict[str, bytes] = field(default_factory=dict)

    def lfs(self, content: bytes) -> str:
        """Keep it as Git LFS does; the text that stands for it in a repository."""
        name = hashlib.sha256(content).hexdigest()
        self.large[name] = content
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"

    def url(self, name: str, host: str = "127.0.0.1", credentials: bool = True) -> str:
        who = f"{USER}:{PASSWORD}@" if credentials else ""
        return f"http://{who}{host}:{self.port}/{name}.git"

    def create(self, name: str, files: Mapping[str, str], object_format: str = "sha1") -> Path:
        """A repository with one commit; its work tree."""
        bare = self.root / f"{name}.git"
        bare.parent.mkdir(parents=True, exist_ok=True)
        work = self.root.parent / "work" / name
        work.mkdir(parents=True)
        kind = f"--object-format={object_format}"
        git("init", "--quiet", "--initial-branch=main", kind, str(work), folder=self.root)
        self.commit(work, files)
        git("clone", "--quiet", "--bare", str(work), str(bare), folder=self.root)
        git("remote", "add", "origin", str(bare), folder=work)
        git("config", "http.receivepack", "true", folder=bare)
        return work

    def commit(self, work: Path, files: Mapping[str, str]) -> str:
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git("add", ".", folder=work)
        git("commit", "--quiet", "--message", "A change", folder=work)
        return git("rev-parse", "HEAD", folder=work)

    def push(self, work: Path, files: Mapping[str, str]) -> str:
        sha = self.commit(work, files)
        git("push", "--quiet", "origin", "HEAD:main", folder=work)
        return sha


class GitHandler(BaseHTTPRequestHandler):
    server: Any

    def log_message(self, *_: object) -> None:
        pass

    def serve_git(self) -> None:
        served: GitServer = self.server.served
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        body = self._body()
        if self.headers.get("Authorization") != wanted:
            served.refused.append(self.path)
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        served.asked.append(self.path)
        if "/info/lfs/" in self.path:
            self._serve_lfs(served, body)
            return
        parts = urlsplit(self.path)
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(served.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": USER,
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n")]
        status = next((value.split()[0] for key, value in lines if key == "Status"), "200")
        self.send_response(int(status))
        for key, value in lines:
            if key != "Status":
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _serve_lfs(self, served: GitServer, body: bytes) -> None:
        """The batch API, and the objects themselves."""
        place, _, rest = self.path.partition("/info/lfs/")
        if rest == "objects/batch":
            base = f"http://{self.headers['Host']}{place}/info/lfs"
            objects = [
                one | {"actions": {"download": {"href": f"{base}/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            content = json.dumps({"transfer": "basic", "objects": objects}).encode()
        else:
            content = served.large.get(rest, b"")
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(min(LIMIT, int(self.headers.get("Content-Length", 0))))

    do_GET = do_POST = serve_git


class _Listening(ThreadingHTTPServer):
    served: GitServer


@contextmanager
def git_server(folder: Path, address: str = "127.0.0.1") -> Iterator[GitServer]:
    root = folder / "repositories"
    root.mkdir(parents=True)
    with _Listening((address, 0), GitHandler) as listening:
        listening.served = GitServer(root, listening.server_address[1])
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.served
        finally:
            listening.shutdown()
            thread.join()
