"""`shipline demo`: push an app three times and watch it ship."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from shipline.cli.progress import reporter
from shipline.config import DataFolder, default_cache_folder
from shipline.demo.report import Report, waterfall
from shipline.demo.stage import App
from shipline.demo.story import Demo, example, run
from shipline.errors import ShiplineError, UsageError


@click.command()
@click.option(
    "--report", "report_path", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON here."
)
@click.option("--keep", is_flag=True, help="Leave the system up afterwards, until Ctrl-C.")
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
    folder = DataFolder((data or default_cache_folder() / "demo").absolute())
    if data is not None and folder.root.exists():
        raise UsageError(f"{folder.root} exists already.", hint="Name a folder that does not.")
    shutil.rmtree(folder.root, ignore_errors=True)
    folder.root.mkdir(parents=True)
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
        shutil.rmtree(folder.root, ignore_errors=True)
    console.print(f"\n[bold green]Shipped.[/bold green] {_summary(report)}", highlight=False, soft_wrap=True)


async def _run(story: Demo, keep: bool) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    kept = asyncio.Event() if keep else None

    def end() -> None:
        if kept is not None and story.report.ok:
            kept.set()
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    await run(story, kept)


def _summary(report: Report) -> str:
    pipelines = ", ".join(f"#{pipeline.id} {pipeline.status}" for pipeline in report.pipelines)
    return (
        f"Pipelines {pipelines}; {report.requests_total} requests during the deployment, "
        f"{report.requests_failed} failed."
    )
