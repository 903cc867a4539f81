"""`shipline coordinator`: the part that GitLab plays, alone."""

from __future__ import annotations

from dataclasses import replace

import click

from shipline import config
from shipline.cli.options import data_option
from shipline.compiler.limits import chosen_limits
from shipline.config import DataFolder


@click.command()
@data_option
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Where to listen. [default: as configured, else 8080]"
)
def coordinator(data: DataFolder, port: int | None) -> None:
    """Start the coordinator alone: projects, pipelines, git, Runner API, pages."""
    from shipline.coordinator.server import run

    settings = config.load(data)
    # A wrong limit is told now, not at the first push.
    chosen_limits(settings.limits)
    if port is not None:
        url = f"http://127.0.0.1:{port}"
        changed = replace(settings.coordinator, port=port, external_url=url, container_url=url)
        settings = replace(settings, coordinator=changed)
    run(data, settings)
