"""A PostgreSQL server for tests and measurements: the distribution's programs, on a folder that goes away."""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shipline import config
from shipline.errors import HostError
from shipline.host.packages import PATH, install

PACKAGES = ("postgresql",)
# Where Debian and its kin keep what does not stand on PATH, a folder per version.
VERSIONS = Path("/usr/lib/postgresql")
NEEDED = ("initdb", "postgres")
ROLE = "shipline"
START_SECONDS = 60.0
PR_SET_PDEATHSIG = 1
_SENTENCE = "There is no PostgreSQL server on this machine, and shipline cannot install one:"


def ensure_postgresql(progress: Callable[[str], None]) -> Path:
    """The folder of the server's programs: SHIPLINE_POSTGRESQL's, one that is there, or Debian's after
    installing it. Raises HostError, saying what to install."""
    if named := config.postgresql():
        if not complete(Path(named)):
            raise HostError(f"SHIPLINE_POSTGRESQL is {named}, where {' and '.join(NEEDED)} are not both.")
        return Path(named)
    search = os.environ.get("PATH", "") + os.pathsep + PATH
    if found := find(search, VERSIONS):
        return found
    install(PACKAGES, _SENTENCE, progress)
    if found := find(search, VERSIONS):
        return found
    raise HostError(f"{_SENTENCE} the package {PACKAGES[0]} brought none.")


def find(search: str, versions: Path) -> Path | None:
    """The newest of the distribution's, else what stands on a search path."""
    there = sorted(versions.glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    on_path = [Path(found).parent for name in NEEDED[:1] if (found := shutil.which(name, path=search))]
    return next((folder for folder in (*there, *on_path) if complete(folder)), None)


def complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in NEEDED)


def _number(version: str) -> float:
    return float(version) if re.fullmatch(r"\d+(\.\d+)?", version) else 0.0


@contextmanager
def server(programs: Path, settings: dict[str, str] | None = None, port: int = 0) -> Iterator[Server]:
    """A server with a role and no database of ours yet, on this port of loopback (0: one that is free now),
    gone with its data when the body ends, and when this process dies."""
    account = _account()
    with tempfile.TemporaryDirectory(prefix="shipline-postgresql-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        started = Server(
            programs, folder, port or free_port(), secrets.token_urlsafe(18), settings or {}, account
        )
        started.create()
        started.start()
        try:
            yield started
        finally:
            started.stop()


class Server:
    def __init__(
        self, programs: Path, folder: Path, port: int, password: str, settings: dict[str, str], account: int
    ) -> None:
        self.programs = programs
        self.folder = folder
        self.port = port
        self.settings = settings
        self._password = password
        self._account = account
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}:{self._password}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def create(self) -> None:
        words = self.folder / "password"
        words.write_text(self._password)
        for path in (self.folder, words):
            os.chown(path, self._account, -1)
        ended = subprocess.run(
            [
                str(self.programs / "initdb"), "--pgdata", str(self.folder / "data"), "--username", ROLE,
                "--auth", "scram-sha-256", "--pwfile", str(words), "--encoding", "UTF8", "--locale", "C",
                "--no-sync",
            ],
            cwd=self.folder, user=self._account, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, env=self._environment(),
        )  # fmt: skip
        if ended.returncode:
            raise HostError(f"initdb failed:\n{ended.stdout.decode(errors='replace')[-2000:]}")

    def start(self) -> None:
        given = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
        } | self.settings
        flags = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *flags],
                cwd=self.folder, user=self._account, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment(), start_new_session=True, preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509 - libc alone
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while "ready to accept connections" not in self._said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise HostError(f"PostgreSQL did not start:\n{self.log[-2000:]}")
            time.sleep(0.02)

    def _said(self) -> str:
        """What the running life has logged."""
        return self.log.rpartition("starting PostgreSQL")[2]

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT: at once, connections are ended. SIGQUIT: as a crash."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def create_database(self, name: str) -> str:
        """An empty database; answers its URL."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def _environment(self) -> dict[str, str]:
        return {"PATH": PATH, "LC_ALL": "C", "HOME": str(self.folder)}


def _account() -> int:
    """PostgreSQL refuses to run as root; its package has brought an account."""
    if os.geteuid() != 0:
        return os.geteuid()
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise HostError("There is no account postgres or nobody, and PostgreSQL does not run as root.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
