"""`run/up.json`: what runs now, for `shipline status` and `shipline down`. And the lock of the one that runs.

Whoever runs the system holds a lock on `run/up.lock`. The kernel lets go of it when that process dies, so a
file left by a killed `up` is never taken for a running system.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from shipline.config import DataFolder
from shipline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Running:
    """`pid` is the supervisor's; `programs` maps a program's name to its process id."""

    pid: int
    docker_host: str
    coordinator_url: str
    registry_address: str
    registry_engine_address: str
    aws_endpoint_url: str
    aws_container_url: str
    admin_token_file: str
    aws_credentials_file: str
    programs: dict[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The shape that `shipline status --format json` prints (without `services`)."""
        return {
            "running": True,
            "pid": self.pid,
            "docker_host": self.docker_host,
            "coordinator": {"url": self.coordinator_url},
            "registry": {"address": self.registry_address, "engine_address": self.registry_engine_address},
            "aws": {
                "endpoint_url": self.aws_endpoint_url,
                "container_url": self.aws_container_url,
                "credentials_file": self.aws_credentials_file,
            },
            "admin_token_file": self.admin_token_file,
            "programs": self.programs,
        }


@contextmanager
def hold(data: DataFolder) -> Iterator[None]:
    """Be the one that runs. Raises UsageError when somebody else is."""
    data.run.mkdir(parents=True, exist_ok=True)
    with (data.run / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"The system of {data.root} runs already.",
                hint="See `shipline status`, or end it with `shipline down`.",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            (data.run / "up.json").unlink(missing_ok=True)


def holder(data: DataFolder) -> int | None:
    """The process that runs the system of this data folder, ready or not; None when none does."""
    try:
        lock = (data.run / "up.lock").open("r+")
    except FileNotFoundError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0) or None
    return None


def write(data: DataFolder, running: Running) -> None:
    temporary = data.run / "up.json.new"
    temporary.write_text(json.dumps(asdict(running), indent=2))
    temporary.replace(data.run / "up.json")


def read(data: DataFolder) -> Running | None:
    """What runs and is ready, or None."""
    if holder(data) is None:
        return None
    try:
        return Running(**json.loads((data.run / "up.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
