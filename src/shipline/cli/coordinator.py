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
    """Start the coordinator alone: projects, pipelines, git, Runner API, pages.

    Its database is SQLite in the data folder, or the PostgreSQL that SHIPLINE_DATABASE_URL names
    (postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=...).
    """
    from shipline.coordinator.server import run

    settings = config.load(data)
    # A wrong limit is told now, not at the first push.
    chosen_limits(settings.limits)
    if port is not None:
        settings = replace(settings, coordinator=_moved(settings.coordinator, port))
    run(data, settings, config.take_database_url())


def _moved(configured: config.Coordinator, port: int) -> config.Coordinator:
    """At another port. URLs of this very host and port go along; those of a proxy in front stay."""
    old, new = f"http://127.0.0.1:{configured.port}", f"http://127.0.0.1:{port}"
    external, container = (
        new if url == old else url for url in (configured.external_url, configured.container_url)
    )
    return replace(configured, port=port, external_url=external, container_url=container)
