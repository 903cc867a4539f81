"""Changes to a config.toml on disk: an entry more, one fewer, another token. Comments and everything else stay as
they are; a reader sees the old file or the new one, never half of either."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from shipline.errors import UsageError

NEW_FILE = "concurrent = 1\ncheck_interval = 3\nshutdown_timeout = 30\n"


@dataclass(frozen=True, slots=True)
class ConfigOnDisk:
    path: Path

    def check_writable(self) -> None:
        """Raises UsageError when a change could not be written: to be asked before a token is spent."""
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                pass
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}.") from error
        if not os.access(folder, os.W_OK):
            raise UsageError(f"{self.path} cannot be written: no files can be made in {folder}.")

    def add(self, entry: Mapping[str, Any]) -> None:
        """One [[runners]] more, at the end. Values are TOML's; a mapping is a table of the entry."""

        def change(document: tomlkit.TOMLDocument, runners: AoT) -> None:
            runners.append(_table(entry))
            if "runners" not in document:
                document["runners"] = runners

        self._change(change)

    def remove(self, tokens: frozenset[str]) -> int:
        """The entries with these tokens go; answers how many there were."""
        removed = 0

        def change(document: tomlkit.TOMLDocument, runners: AoT) -> None:
            nonlocal removed
            for number in reversed(range(len(runners))):
                if str(runners[number].get("token")) in tokens:
                    runners.pop(number)
                    removed += 1
            if not len(runners) and "runners" in document:
                del document["runners"]

        self._change(change)
        return removed

    def set_token(self, old: str, new: str, obtained_at: datetime, expires_at: datetime | None) -> None:
        """Another token for every entry that has the old one."""

        def change(_document: tomlkit.TOMLDocument, runners: AoT) -> None:
            for entry in runners:
                if str(entry.get("token")) == old:
                    entry["token"] = new
                    entry["token_obtained_at"] = obtained_at.replace(microsecond=0)
                    if expires_at is None:
                        entry.pop("token_expires_at", None)
                    else:
                        entry["token_expires_at"] = expires_at.replace(microsecond=0)

        self._change(change)

    def _change(self, change: Callable[[tomlkit.TOMLDocument, AoT], None]) -> None:
        """Raises UsageError when the file cannot be read or written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                document = self._document()
                runners = document.get("runners", tomlkit.aot())
                if not isinstance(runners, AoT):
                    raise UsageError(f"{self.path}: write [[runners]], with two brackets.")
                change(document, runners)
                self._write(tomlkit.dumps(document))
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}.") from error

    def _document(self) -> tomlkit.TOMLDocument:
        try:
            return tomlkit.parse(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return tomlkit.parse(NEW_FILE)
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.path} is not valid TOML: {error}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """A manager may give itself a new token while somebody registers a runner."""
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, text: str) -> None:
        """Readable by its owner alone: it holds tokens. On disk before it takes the old one's place: a token that
        the server has just made is nowhere else."""
        target = self.path.resolve()
        new = target.with_name(f".{target.name}.new")
        new.unlink(missing_ok=True)
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)


def _table(values: Mapping[str, Any]) -> Table:
    """What stands behind a table would belong to that: plain values come first."""
    table = tomlkit.table()
    for key, value in sorted(values.items(), key=lambda item: _is_table(item[1])):
        if isinstance(value, Mapping):
            table[key] = _table(value)
        elif _is_table(value):
            table[key] = several = tomlkit.aot()
            for one in value:
                several.append(_table(one))
        else:
            table[key] = value
    return table


def _is_table(value: Any) -> bool:
    """Or several of them."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )
