"""`shipline demo`: push an app three times and watch it ship."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from shipline.cli.progress import reporter
from shipline.config import DataFolder, demo_data_folder, take_database_url
from shipline.demo.report import Report, waterfall
from shipline.demo.stage import App
from shipline.demo.story import Demo, example, run
from shipline.errors import ShiplineError, UsageError
from shipline.supervisor import state


@click.command()
@click.option(
    "--report", "report_path", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON here."
)
@click.option("--keep", is_flag=True, help="Leave the system up afterwards, until `shipline down`.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder for the demo's data; it must not exist yet. [default: in shipline's cache folder]",
)
def demo(report_path: Path | None, keep: bool, data: Path | None) -> None:
    """Ship an app, ship a new version of it under load, and break a test: everything for real.

    Starts a system of its own and ends it again. Exit code 0 when everything was as it must be.
    """
    # Its system is out of the way of the user's, and so is its database.
    take_database_url()
    with _folder(data) as folder:
        _tell(folder, report_path, keep)


@contextmanager
def _folder(named: Path | None) -> Iterator[DataFolder]:
    """An empty data folder: the one that was named, else the first in the cache that nobody uses. A system
    that was kept uses its folder, and so does a demo that runs now."""
    if named is not None:
        if named.exists():
            raise UsageError(f"{named} exists already.", hint="Name a folder that does not.")
        named.mkdir(parents=True)
        yield DataFolder(named.absolute())
        return
    usual = demo_data_folder().absolute()
    usual.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = DataFolder(usual if number == 1 else usual.with_name(f"{usual.name}-{number}"))
        with folder.root.with_suffix(".lock").open("a") as lock:
            if not _taken(lock) and state.holder(folder) is None:
                shutil.rmtree(folder.root, ignore_errors=True)
                folder.root.mkdir()
                yield folder
                return


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _tell(folder: DataFolder, report_path: Path | None, keep: bool) -> None:
    console = Console(stderr=True)
    report = Report()
    try:
        asyncio.run(_run(Demo(folder, App(example("django-postgres")), report, reporter(console)), keep))
    except asyncio.CancelledError:
        report.error = "interrupted"
        sys.exit(130)
    except ShiplineError as error:
        report.error = str(error)
        raise
    finally:
        if report_path:
            report_path.write_text(json.dumps(report.document(), indent=2) + "\n")
        console.print()
        for line in waterfall(report.in_order()):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if not (keep and report.ok):
            shutil.rmtree(folder.root, ignore_errors=True)
    console.print(f"\n[bold green]Shipped.[/bold green] {_summary(report)}", highlight=False, soft_wrap=True)


async def _run(story: Demo, keep: bool) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    await run(story, keep)


def _summary(report: Report) -> str:
    pipelines = ", ".join(f"#{pipeline.id} {pipeline.status}" for pipeline in report.pipelines)
    return (
        f"Pipelines {pipelines}; {report.requests_total} requests during the deployment, "
        f"{report.requests_failed} failed."
    )
