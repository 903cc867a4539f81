"""What a runner keeps beside its config.toml: its system id, the journal, its status, and the lock of the one
manager that works with it.

The kernel lets go of the lock when its process dies, so a status left by a killed manager is never taken for that
of a running one.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shipline.errors import UsageError
from shipline.runner.config.sections import DEFAULT_OWNER, ConfigFile, RunnerSection
from shipline.runner.journal import Journal
from shipline.runner.tls import tls_of

_log = logging.getLogger(__name__)
_SYSTEM_ID = re.compile(r"[sr]_[0-9A-Za-z]{12}")


@dataclass(frozen=True, slots=True)
class Home:
    """`config` is the file's path. Beside a file of another name than config.toml the names begin with its own,
    so that two files in one folder do not share what is one manager's."""

    config: Path

    @property
    def journal(self) -> Journal:
        return Journal(self._beside("jobs"))

    def system_id(self) -> str:
        """Which manager this is, for the coordinator; made once. gitlab-runner's file and form."""
        path = self.config.parent / ".runner_system_id"
        try:
            known = path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            known = ""
        if _SYSTEM_ID.fullmatch(known):
            return known
        made = f"r_{secrets.token_hex(6)}"
        try:
            self.config.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        return made

    def settled(self, config: ConfigFile) -> ConfigFile:
        """The entries with what their place adds: certificates that lie beside the file; and, where they name none,
        an owner of this manager's own. A manager removes at its start what its owner left behind, which must not
        be what another one is just running."""
        other = f"-{self.config.stem}" if self._prefix else ""
        owner = f"{DEFAULT_OWNER}-{self.system_id()}{other}"
        return replace(config, runners=tuple(self._settled(one, owner) for one in config.runners))

    def _settled(self, section: RunnerSection, owner: str) -> RunnerSection:
        tls = tls_of(section, self.config)
        return replace(
            section,
            owner=owner if section.owner == DEFAULT_OWNER else section.owner,
            tls_ca_file=tls.ca_file,
            tls_cert_file=tls.cert_file,
            tls_key_file=tls.key_file,
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the manager of this config. Raises UsageError when another one is."""
        try:
            self.config.parent.mkdir(parents=True, exist_ok=True)
            lock = self._beside("manager.lock").open("a+")
        except OSError as error:
            raise UsageError(
                f"No files can be made beside {self.config}: {error.strerror}.",
                hint="The runner keeps its state there.",
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(
                    f"A runner works with {self.config} already.",
                    hint="`shipline runner status` tells what it does; it reads changes to the file by itself.",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self._beside("status.json").unlink(missing_ok=True)

    def manager(self) -> int | None:
        """The process id of the manager that works with this config; None when none does."""
        try:
            lock = self._beside("manager.lock").open("r+")
        except FileNotFoundError:
            return None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = lock.read()
                return int(text) if text.isdigit() else 0
        return None

    def write_status(self, document: dict[str, Any]) -> None:
        """A full disk costs the status, and no more."""
        path = self._beside("status.json")
        new = path.with_suffix(".new")
        try:
            new.write_text(json.dumps(document))
            new.replace(path)
        except OSError as error:
            _log.warning("%s cannot be written: %s", path, error.strerror)

    def read_status(self) -> dict[str, Any]:
        """What the manager told last; empty when there is nothing to read."""
        try:
            found = json.loads(self._beside("status.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def _prefix(self) -> str:
        return "" if self.config.name == "config.toml" else f"{self.config.stem}."

    def _beside(self, name: str) -> Path:
        return self.config.parent / f"{self._prefix}{name}"
