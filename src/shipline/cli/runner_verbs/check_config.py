"""`shipline runner check-config`: is the file right?"""

from __future__ import annotations

import sys

import click

from shipline.cli.runner_verbs.options import Config, config_option
from shipline.cli.terminal import out, style
from shipline.errors import UsageError
from shipline.runner.tls import tls_context, tls_of


@click.command(name="check-config")
@config_option
def check_config(config: Config) -> None:
    """Check the config file without running anything: its keys, values, and TLS files.

    Exit code 2 when it is wrong; what has no effect is a warning. `verify` asks the coordinators, too.
    """
    settings = config.read()
    for section in settings.runners:
        tls_context(section.url, tls_of(section, config.path))
    paint = style(sys.stdout)
    out(f"{paint('warning', 'yellow')}: {one}" for one in settings.warnings)
    if not settings.runners:
        raise UsageError(
            f"{config.path} has no [[runners]] entry.", hint="`shipline runner register` makes one."
        )
    names = ", ".join(f"{one.name} ({one.executor})" for one in settings.runners)
    jobs = f"{settings.concurrent} job{'' if settings.concurrent == 1 else 's'} at once"
    out([f"{config.path} is right: {jobs}, for {names}."])
