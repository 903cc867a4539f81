"""`scripts/demo` as a whole: with nothing in the cache, and again with what that left there."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.table import Figure

COLD_AIM, WARM_AIM = 360.0, 120.0


def figures(runs: int, say: Callable[[str], None]) -> list[Figure]:
    """One cold and one warm run, whatever `runs` says: each takes minutes. DOCKER_HOST is taken away, so that
    the demo sees to an engine as on a fresh machine."""
    found = []
    with tempfile.TemporaryDirectory(prefix="shipline-bench-") as folder:
        for name, aim in (("empty cache", COLD_AIM), ("second run", WARM_AIM)):
            say(f"scripts/demo, {name}")
            report = Path(folder) / "report.json"
            environment = {key: value for key, value in os.environ.items() if key != "DOCKER_HOST"}
            subprocess.run(
                ["scripts/demo", "--report", str(report)],
                env=environment | {"SHIPLINE_CACHE": str(Path(folder) / "cache")},
                stdin=subprocess.DEVNULL,
                check=True,
            )
            seconds = float(json.loads(report.read_text())["seconds"])
            found.append(Figure(f"scripts/demo, {name}", (seconds,), aim))
    return found
