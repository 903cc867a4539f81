"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

from shipline.config import DataFolder, default_data_folder


def _data_folder(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> DataFolder:
    return DataFolder((value or default_data_folder()).absolute())


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=_data_folder,
    help="The data folder. [default: $SHIPLINE_DATA, else ~/.local/share/shipline]",
)
format_option = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print."
)
