"""`shipline runner run`: the manager."""

from __future__ import annotations

import asyncio

import click

from shipline import config as environment
from shipline.cli.runner_verbs.options import Config, config_option
from shipline.errors import UsageError
from shipline.runner.config.sections import LOG_FORMATS, LOG_LEVELS

DEFAULT_ENGINE = "unix:///var/run/docker.sock"


@click.command()
@config_option
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="Instead of the file's log_level.")
@click.option("--log-format", type=click.Choice(LOG_FORMATS), help="Instead of the file's log_format.")
def run(config: Config, log_level: str | None, log_format: str | None) -> None:
    """Ask for jobs and run them.

    SIGQUIT: take no more jobs, and end when those that run are over. SIGTERM, SIGINT (Ctrl-C): end them now, and
    tell the coordinator; a second one ends at once. SIGHUP reads the config file again, which also happens by
    itself when it changes.
    """
    from shipline.runner.manager import Manager

    settings = config.read()
    if not settings.runners:
        raise UsageError(
            f"{config.path} has no [[runners]] entry.", hint="`shipline runner register` makes one."
        )
    docker_host = environment.docker_host() or DEFAULT_ENGINE
    asyncio.run(Manager(config.home, settings, docker_host, log_level or "", log_format or "").run())
