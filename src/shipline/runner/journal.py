"""Which jobs a manager has in hand, on disk: when it is killed, its next life can tell the coordinator."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shipline.protocols.runner_api import JobUpdate


@dataclass(frozen=True, slots=True)
class Entry:
    """A job in hand: where it comes from, its id, and its token. `folder`: of its files on this machine, what must
    not stay; empty: nothing. `update`: its end, as soon as nothing but telling that is left to do."""

    url: str
    job: int
    token: str = field(repr=False)
    folder: str = ""
    update: JobUpdate | None = None

    @property
    def file_name(self) -> str:
        return f"{hashlib.sha256(self.url.encode()).hexdigest()[:12]}-{self.job}.json"


@dataclass(frozen=True, slots=True)
class Journal:
    """One small file per job, readable by the owner alone: it holds the job's token."""

    folder: Path

    def add(self, entry: Entry) -> None:
        """On disk before anything is done for the job; and again, when there is more to know. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / entry.file_name
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(_document(entry), file)
        new.replace(path)

    def remove(self, entry: Entry) -> None:
        """The coordinator knows how the job ended. It may have handed the same job to this manager once more
        meanwhile, with another token: that one stays."""
        path = self.folder / entry.file_name
        found = _read(path)
        if found is None or found.token == entry.token:
            path.unlink(missing_ok=True)

    def left(self) -> list[Entry]:
        """What an earlier life had in hand. A file that it did not finish writing counts for nothing. Nobody else
        writes here at the same time."""
        for path in self.folder.glob("*.new"):
            path.unlink(missing_ok=True)
        found = []
        for path in sorted(self.folder.glob("*.json")):
            if (entry := _read(path)) is None:
                path.unlink(missing_ok=True)
            else:
                found.append(entry)
        return found


def _document(entry: Entry) -> dict[str, Any]:
    update = entry.update and entry.update.model_dump(mode="json", exclude_none=True)
    return {
        "url": entry.url, "job": entry.job, "token": entry.token, "folder": entry.folder, "update": update
    }  # fmt: skip


def _read(path: Path) -> Entry | None:
    """None: there is none, or it is not whole."""
    try:
        found = json.loads(path.read_text())
        if update := found.pop("update", None):
            found["update"] = JobUpdate.model_validate(update)
        return Entry(**found)
    except (FileNotFoundError, ValueError, TypeError, AttributeError, ValidationError):
        return None
