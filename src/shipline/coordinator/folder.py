"""Who works over a data folder: over SQLite one coordinator, over PostgreSQL as many as there are.

Two locks, both of the kernel (`flock`), which lets go of them when their process dies: `coordinator/lock` is held
as long as a coordinator runs, exclusively over SQLite, shared over PostgreSQL; `coordinator/starting.lock` while
it makes what all of them use.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shipline.errors import UsageError

FOLDERS = ("repositories", "traces", "artifacts", "uploads")


@dataclass(frozen=True, slots=True)
class Held:
    """`alone`: nobody else works over the folder now."""

    alone: bool


@contextmanager
def held(folder: Path, *, shared: bool) -> Iterator[Held]:
    """Work over the folder `coordinator/` of a data folder until the end of the body. Raises UsageError, naming
    the process, when another one has it that cannot be worked beside."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        with starting(folder):
            alone = _try(lock, fcntl.LOCK_EX)
            if alone:
                _clear(folder / "uploads")
            if not alone and (not shared or not _try(lock, fcntl.LOCK_SH)):
                raise _taken(folder, lock, shared)
            if alone and shared:
                fcntl.flock(lock, fcntl.LOCK_SH)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield Held(alone)


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    """One at a time makes what all share: keys, certificates, the first token."""
    with (folder / "starting.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _try(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(uploads: Path) -> None:
    """Of lives before this one; nobody sends the rest."""
    for left in uploads.iterdir():
        left.unlink()


def _taken(folder: Path, lock: IO[str], shared: bool) -> UsageError:
    lock.seek(0)
    process = f"process {lock.read(20).strip() or 'unknown'}"
    if shared:
        return UsageError(
            f"A coordinator over SQLite ({process}) works over {folder}; one over PostgreSQL cannot work beside it.",
            hint="Stop it first, or name another folder with --data.",
        )
    return UsageError(
        f"Another coordinator ({process}) works over {folder}, and SQLite is for one.",
        hint="Stop it first, or name another folder with --data. Several need PostgreSQL: SHIPLINE_DATABASE_URL.",
    )
