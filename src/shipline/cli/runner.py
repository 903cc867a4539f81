"""`shipline runner`: run jobs for a coordinator or a GitLab."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path

import click

from shipline import config
from shipline.cli.options import data_option
from shipline.config import DataFolder
from shipline.errors import UsageError

DEFAULT_ENGINE = "unix:///var/run/docker.sock"


@click.group()
def runner() -> None:
    """Run jobs for a coordinator or a GitLab."""


@runner.command()
@data_option
@click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The config.toml, as gitlab-runner has it. [default: runner/config.toml in the data folder]",
)
def run(data: DataFolder, path: Path | None) -> None:
    """Ask for jobs and run them, until Ctrl-C."""
    from shipline.runner.config_file import load
    from shipline.runner.journal import Journal
    from shipline.runner.manager import Manager

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = load(path or data.runner / "config.toml")
    if not settings.runners:
        raise UsageError(f"{path or data.runner / 'config.toml'} has no [[runners]] entry.")
    docker_host = settings.runners[0].docker.host or config.docker_host() or DEFAULT_ENGINE
    asyncio.run(Manager(settings, docker_host, _system_id(data), Journal(data.runner / "jobs")).run())


def _system_id(data: DataFolder) -> str:
    """Which manager this is, for the coordinator; made once."""
    data.runner.mkdir(parents=True, exist_ok=True)
    path = data.runner / ".runner_system_id"
    if not path.exists():
        path.write_text(f"r_{secrets.token_hex(6)}")
    return path.read_text().strip()
