"""`shipline runner run` as a process of its own, over one config file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.coordinator.server import until

END_SECONDS = 60.0


@dataclass
class Manager:
    config: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.config.with_suffix(".log").read_text()

    def start(self) -> None:
        self.launch()
        until(self._began, f"the manager has begun: {self.log}")

    def launch(self) -> None:
        """The process; nobody waits for it to be ready."""
        words = [sys.executable, "-m", "shipline", "runner", "run", "--config", str(self.config)]
        with self.config.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | dict(self.environment),
            )

    def _began(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        return bool(self.status())

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(timeout=END_SECONDS)

    def end(self, number: signal.Signals) -> int:
        self.send(number)
        return self.ended()

    def status(self) -> dict[str, Any]:
        """What it has told last."""
        try:
            return dict(json.loads((self.config.parent / "status.json").read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def runners(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.status().get("runners", [])}


@contextmanager
def managing(folder: Path, config: str, **environment: str) -> Iterator[Manager]:
    """A manager that is gone afterwards, whatever was done to it, with a home of its own, where the shell executor
    works. An exception in its log is a failure."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text(config)
    manager = Manager(path, {"HOME": str(folder)} | environment)
    try:
        manager.start()
        yield manager
    finally:
        if manager.process is not None and manager.process.poll() is None:
            manager.process.kill()
            manager.process.wait()
    assert "Traceback" not in manager.log, manager.log[-3000:]
