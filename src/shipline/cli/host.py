"""`shipline host`: prepare this machine: an engine, the images, a browser."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import click
from rich.console import Console

from shipline.cli.progress import reporter
from shipline.errors import UsageError
from shipline.host.browser import ensure_browser
from shipline.host.engine import engine
from shipline.host.images import STAND_INS, ensure_images
from shipline.host.postgresql import ensure_postgresql


@click.group()
def host() -> None:
    """Prepare this machine: engine, images, browser."""


@host.command(context_settings={"ignore_unknown_options": True})
@click.option("--images", "with_images", is_flag=True, help="First see to every image that shipline needs.")
@click.option("--browser", "with_browser", is_flag=True, help="See to a Chromium: SHIPLINE_BROWSER names it.")
@click.option(
    "--postgresql",
    "with_postgresql",
    is_flag=True,
    help="See to PostgreSQL: SHIPLINE_POSTGRESQL names its folder.",
)
@click.option("--no-engine", is_flag=True, help="COMMAND needs no engine.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    command: tuple[str, ...], with_images: bool, with_browser: bool, with_postgresql: bool, no_engine: bool
) -> None:
    """Run COMMAND with a Docker Engine: DOCKER_HOST names it.

    Uses the engine that is there, else starts one of its own and stops it afterwards. The exit code is
    COMMAND's.
    """
    if no_engine and with_images:
        raise UsageError("--images needs an engine; leave --no-engine out.")
    environment = dict[str, str]()
    if with_browser:
        environment["SHIPLINE_BROWSER"] = ensure_browser(reporter(Console(stderr=True)))
    if with_postgresql:
        environment["SHIPLINE_POSTGRESQL"] = str(ensure_postgresql(reporter(Console(stderr=True))))
    if no_engine:
        sys.exit(asyncio.run(_run(command, environment)))
    sys.exit(asyncio.run(_run_with_engine(command, tuple(STAND_INS) if with_images else (), environment)))


async def _run_with_engine(
    command: tuple[str, ...], names: tuple[str, ...], environment: dict[str, str]
) -> int:
    report = reporter(Console(stderr=True))
    async with engine(report) as docker_host:
        await ensure_images(docker_host, names, report)
        return await _run(command, environment | {"DOCKER_HOST": docker_host})


async def _run(command: tuple[str, ...], environment: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | environment)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, process.send_signal, number)
    return await process.wait()


@host.command()
@click.argument("names", nargs=-1)
def images(names: tuple[str, ...]) -> None:
    """Pull the images that shipline needs, or build stand-ins for them (all of them, or NAMES)."""
    asyncio.run(_images(names or tuple(STAND_INS)))


async def _images(names: tuple[str, ...]) -> None:
    report = reporter(Console(stderr=True))
    async with engine(report) as docker_host:
        await ensure_images(docker_host, names, report)
