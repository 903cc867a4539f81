"""`scripts/bench [PART ...]`: run parts of the benchmark, print one table, write JSON."""

from __future__ import annotations

import asyncio
import json
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from bench import compiler, coordinator, demo, kills, push
from bench.table import Figure, table

Part = Callable[[int, Callable[[str], None]], list[Figure]]
PARTS: dict[str, Part] = {
    "compiler": compiler.figures,
    "push": lambda runs, say: asyncio.run(push.figures(os.environ["DOCKER_HOST"], runs, say)),
    "demo": demo.figures,
    "coordinator": coordinator.figures,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice([*PARTS, "kills", "all"]))
@click.option(
    "--runs", type=click.IntRange(1, 100), default=5, show_default=True, help="Measurements a figure."
)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON here.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the kills.")
@click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="What to print."
)
def main(parts: tuple[str, ...], runs: int, json_path: Path | None, seed: int, output: str) -> None:
    """Measure PARTS (default: push).

    compiler: whole commands at the shell over files of 58, 1,000 and 5,000 jobs, side by side with
    gitlab-ci-local where that is installed. push: a push until its first job's container runs, shipline's
    share of a job, a redeployment. demo: the whole of scripts/demo with an empty cache, and again with what
    that left (about 7 minutes). coordinator: a coordinator alone, over SQLite and over PostgreSQL, with fake
    runners on loopback: hand-out, waiting, a long queue, logs, start and memory (about 10 minutes). kills:
    200 jobs while coordinator and runners are killed 50 times at random; each job must come to one end, no script
    may begin twice, and nothing may be left (about 7 minutes).
    """
    known = PARTS | {"kills": partial(kills.figures, seed=seed)}
    wanted = list(known) if "all" in parts else list(dict.fromkeys(parts)) or ["push"]
    console = Console()
    figures = [figure for part in wanted for figure in known[part](runs, Console(stderr=True).print)]
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "figures": [figure.document() for figure in figures],
    }
    if output == "json":
        click.echo(json.dumps(document, indent=2))
    else:
        console.print(table(figures))
    if json_path is not None:
        json_path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
