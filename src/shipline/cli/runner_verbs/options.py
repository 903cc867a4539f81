"""What the runner's verbs share: the config file, its entries, and how one is named."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from shipline.cli.options import data_option
from shipline.config import DataFolder, runner_config_file
from shipline.errors import RemoteError, UsageError
from shipline.runner.config.sections import ConfigFile, RunnerSection
from shipline.runner.config_file import load
from shipline.runner.home import Home

if TYPE_CHECKING:
    from shipline.runner.config.changing import ConfigOnDisk
    from shipline.runner.registration import RegistrationClient

DEFAULT_NAME = "config.toml"


@dataclass(frozen=True, slots=True)
class Config:
    """The config file that a verb was called for. What only some verbs need is imported when they do."""

    path: Path

    @property
    def home(self) -> Home:
        return Home(self.path)

    @property
    def disk(self) -> ConfigOnDisk:
        from shipline.runner.config.changing import ConfigOnDisk

        return ConfigOnDisk(self.path)

    def read(self) -> ConfigFile:
        return load(self.path)

    def client(self, section: RunnerSection) -> RegistrationClient:
        from shipline.runner.registration import RegistrationClient
        from shipline.runner.tls import tls_of

        tls = tls_of(section, self.path)
        return RegistrationClient(section.url, self.home.system_id(), time.time, tls=tls)


def config_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """--config and --data; the verb gets `config`."""

    @data_option
    @click.option(
        "-c",
        "--config",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The config.toml. [default: $CONFIG_FILE, else runner/config.toml in the data folder]",
    )
    @click.pass_context
    @wraps(verb)
    def with_config(context: click.Context, /, data: DataFolder, path: Path | None, **options: Any) -> Any:
        # Who names a data folder does not mean the file of the environment.
        named = context.get_parameter_source("data") is ParameterSource.COMMANDLINE
        path = path or (None if named else runner_config_file()) or data.runner / DEFAULT_NAME
        return verb(config=Config(path.absolute()), **options)

    return with_config


def chosen_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """--name and --all-runners."""
    named = click.option("-n", "--name", "names", multiple=True, help="The entry with this name.")
    every = click.option("--all-runners", "everyone", is_flag=True, help="Every entry of the file.")
    return named(every(verb))


def chosen(config: Config, names: Sequence[str], everyone: bool) -> list[RunnerSection]:
    """Raises UsageError when no entry, or an entry that is not there, was named."""
    runners = config.read().runners
    if everyone:
        return list(runners)
    known = ", ".join(f'"{one.name}"' for one in runners) or "none"
    if not names:
        raise UsageError(
            "Which runner?", hint=f"Name it with --name, or give --all-runners. The file has: {known}."
        )
    for name in names:
        if not any(one.name == name for one in runners):
            raise UsageError(f'{config.path} has no runner named "{name}".', hint=f"It has: {known}.")
    return [one for one in runners if one.name in names]


def each(
    sections: Sequence[RunnerSection], call: Callable[[RunnerSection], Awaitable[str]]
) -> list[RunnerSection]:
    """One after the other, each told in a line: what `call` answers, or its error. Answers those that failed."""

    async def all_of_them() -> list[RunnerSection]:
        failed = []
        for section in sections:
            try:
                click.echo(f"{section.name}: {await call(section)}")
            except RemoteError as error:
                click.echo(f"{section.name}: {error}", err=True)
                failed.append(section)
        return failed

    return asyncio.run(all_of_them())


def end(failed: Sequence[object]) -> None:
    """Exit code 1 when something failed."""
    if failed:
        sys.exit(1)
