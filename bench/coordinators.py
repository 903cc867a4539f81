"""A coordinator of the benchmark's own, over SQLite or PostgreSQL, and clients that cost little beside it.

All load goes to loopback; every loop has an end in number and time, and what was started ends with the body.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from shipline import config
from shipline.config import Config, DataFolder, RateLimits
from shipline.config import Coordinator as Addresses
from shipline.host.postgresql import ensure_postgresql, free_port, server

DATABASES = ("SQLite", "PostgreSQL")
READY_SECONDS = 60.0
Say = Callable[[str], None]
Json = dict[str, Any]
# Whom a runner asks, by its port, and with which token.
Asked = Sequence[tuple[int, str]]


@dataclass
class Running:
    """One process; `up_seconds` from its start to its first answer."""

    data: DataFolder
    port: int
    process: subprocess.Popen[bytes]
    up_seconds: float = 0.0
    up_processor_seconds: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.data.admin_token.read_text().strip()

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v4/",
            headers={"PRIVATE-TOKEN": self.token},
            timeout=600,
            trust_env=False,
        )

    def processor_seconds(self) -> float:
        """What it has used of processors until now."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def coordinator(database: str, say: Say) -> Iterator[Running]:
    """A fresh one, alone over a fresh database."""
    with tempfile.TemporaryDirectory(prefix="shipline-bench-") as folder:
        data = DataFolder(Path(folder))
        if database == "SQLite":
            with started(data, None) as running:
                yield running
            return
        with (
            server(ensure_postgresql(say)) as postgresql,
            started(data, postgresql.create_database("shipline")) as running,
        ):
            yield running


@contextmanager
def started(data: DataFolder, database_url: str | None) -> Iterator[Running]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # What is measured is the work, not the limits.
    free = RateLimits(job_requests=0, job_traces=0, job_calls=0)
    config.save(data, Config(Addresses(port=port, external_url=url, container_url=url), rate_limits=free))
    environment = os.environ | ({config.DATABASE_URL: database_url} if database_url else {})
    running = Running(data, port, _process(data, environment), environment=environment)
    try:
        _wait(running)
        yield running
    finally:
        _end(running.process)


def restart(running: Running) -> None:
    """End it, and start it again over what is there."""
    _end(running.process)
    running.process = _process(running.data, running.environment)
    _wait(running)


@contextmanager
def another(running: Running) -> Iterator[Running]:
    """A second process over the same PostgreSQL and folder."""
    settings = config.load(running.data)
    port = free_port()
    # The port is in the folder's settings: both read them when they start, the first has done so.
    config.save(running.data, replace(settings, coordinator=replace(settings.coordinator, port=port)))
    other = Running(
        running.data, port, _process(running.data, running.environment), environment=running.environment
    )
    try:
        _wait(other)
        yield other
    finally:
        config.save(running.data, settings)
        _end(other.process)


def _process(data: DataFolder, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "shipline", "coordinator", "--data", str(data.root)]
    with (data.root / "coordinator.log").open("ab") as log:
        return subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _wait(running: Running) -> None:
    begun = time.monotonic()
    while not _answers(running.url):
        if running.process.poll() is not None or time.monotonic() - begun > READY_SECONDS:
            raise RuntimeError((running.data.root / "coordinator.log").read_text()[-2000:])
        time.sleep(0.01)
    running.up_seconds = time.monotonic() - begun
    running.up_processor_seconds = running.processor_seconds()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/readiness", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def project(running: Running, files: dict[str, str], path: str = "bench") -> int:
    """A project whose branch main holds these files; answers its id. The push skips its pipeline."""
    with running.client() as client:
        made = (
            client.post("projects", json={"name": path, "namespace_path": "bench"}).raise_for_status().json()
        )
    with tempfile.TemporaryDirectory(prefix="shipline-bench-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
        environment = os.environ | {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{running.url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"PRIVATE-TOKEN: {running.token}",
            "GIT_TERMINAL_PROMPT": "0",
        }
        remote = f"http://root:{running.token}@127.0.0.1:{running.port}/{made['path_with_namespace']}.git"
        for words in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "."],
            ["commit", "--quiet", "--message", "bench"],
            ["push", "--quiet", "--push-option=ci.skip", remote, "main"],
        ):
            subprocess.run(["git", *who, *words], cwd=folder, check=True, env=environment)
    return int(made["id"])


def runners(running: Running, count: int) -> list[str]:
    """Tokens of new instance runners."""
    with running.client() as client:
        body = {"runner_type": "instance_type", "description": "bench", "run_untagged": True}
        return [
            client.post("user/runners", json=body).raise_for_status().json()["token"] for _ in range(count)
        ]


class Connection:
    """One HTTP/1.1 connection that is kept. httpx would take more of the processor than what it measures."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: Json | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        status = int(head[0].split()[1])
        content = await self._content(reader, status, found)
        if found.get("connection") == "close":
            self.close()
        return status, found, content

    async def _content(self, reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> bytes:
        if status == 204:
            return b""
        if headers.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(headers.get("content-length", 0)))
        content = b""
        while size := int(await reader.readline(), 16):
            content += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return content

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Runner:
    """What gitlab-runner says, as few bytes as that takes."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = Connection(port)
        self.token = token
        self.last_update = ""

    async def request(self) -> Json | None:
        info = {
            "name": "gitlab-runner", "version": "17.0.0", "revision": "0", "platform": "linux",
            "architecture": "amd64", "executor": "docker", "features": {"cancel_gracefully": True},
        }  # fmt: skip
        body = {"token": self.token, "system_id": "s_bench", "last_update": self.last_update, "info": info}
        status, headers, content = await self.connection.call(
            "POST", "/api/v4/jobs/request", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        if status == 201:
            return dict(json.loads(content))
        if status not in (204, 409):
            raise RuntimeError(f"jobs/request: {status} {content[:200]!r}")
        self.last_update = headers.get("x-gitlab-last-update", "")
        return None

    async def succeed(self, job: Json) -> None:
        body = json.dumps({"token": job["token"], "state": "success"}).encode()
        status, _, content = await self.connection.call(
            "PUT", f"/api/v4/jobs/{job['id']}", body, {"Content-Type": "application/json"}
        )
        if status != 200:
            raise RuntimeError(f"PUT jobs/{job['id']}: {status} {content[:200]!r}")


@asynccontextmanager
async def connected(asked: Asked) -> AsyncIterator[list[Runner]]:
    found = [Runner(port, token) for port, token in asked]
    try:
        yield found
    finally:
        for runner in found:
            runner.connection.close()
