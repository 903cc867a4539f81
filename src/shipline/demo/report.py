"""What the demo found, as JSON for programs and as a waterfall of phases for people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Phase:
    """`start` is in seconds since the demo began; `depth` 1 is a part of the phase before it."""

    name: str
    start: float
    seconds: float
    depth: int = 0


@dataclass(frozen=True, slots=True)
class PipelineReport:
    id: int
    commit: str
    status: str
    seconds: float
    jobs: dict[str, str]
    url: str


@dataclass
class Report:
    """The file that `--report` writes."""

    ok: bool = False
    url: str = ""
    pipelines: list[PipelineReport] = field(default_factory=list)
    requests_total: int = 0
    requests_failed: int = 0
    request_failures: list[str] = field(default_factory=list)
    slowest_request_seconds: float = 0.0
    image_before: str = ""
    image_after: str = ""
    old_container_gone: bool = False
    version_served_at_the_end: str = ""
    phases: list[Phase] = field(default_factory=list)
    error: str = ""
    _begun: float = field(default_factory=time.monotonic, repr=False)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases.append(Phase(name, round(start - self._begun, 2), round(time.monotonic() - start, 2)))

    def part(self, name: str, start: float, seconds: float) -> None:
        """A part of the phase that runs now; `start` as from time.monotonic()."""
        self.phases.append(Phase(name, round(start - self._begun, 2), round(seconds, 2), depth=1))

    def document(self) -> dict[str, Any]:
        document = {key: value for key, value in asdict(self).items() if not key.startswith("_")}
        document["phases"] = {phase.name: phase.seconds for phase in self.in_order()}
        document["waterfall"] = [asdict(phase) for phase in self.in_order()]
        document["seconds"] = round(time.monotonic() - self._begun, 2)
        return document

    def in_order(self) -> list[Phase]:
        return sorted(self.phases, key=lambda phase: (phase.start, phase.depth))


def waterfall(phases: list[Phase], width: int = 50) -> list[str]:
    """One line per phase: its name, a bar at its place in time, its seconds."""
    if not phases:
        return []
    end = max(phase.start + phase.seconds for phase in phases) or 1.0
    name_width = max(len(phase.name) + 2 * phase.depth for phase in phases)
    lines = []
    for phase in phases:
        left = min(width - 1, int(phase.start / end * width))
        length = min(width - left, max(1, round(phase.seconds / end * width)))
        bar = " " * left + ("━" if phase.depth else "█") * length
        name = "  " * phase.depth + phase.name
        lines.append(f"{name:<{name_width}}  {bar:<{width}} {phase.seconds:7.1f} s")
    return lines
