"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

from shipline.config import DataFolder, default_data_folder, demo_data_folder
from shipline.supervisor import state


def _data_folder(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> DataFolder:
    return DataFolder((value or default_data_folder()).absolute())


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=_data_folder,
    help="The data folder. [default: $SHIPLINE_DATA, else ~/.local/share/shipline]",
)


def _running_data_folder(
    context: click.Context, parameter: click.Parameter, value: Path | None
) -> DataFolder:
    usual = _data_folder(context, parameter, value)
    demo = DataFolder(demo_data_folder().absolute())
    if value is None and state.holder(usual) is None and state.holder(demo) is not None:
        return demo
    return usual


running_data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=_running_data_folder,
    help="The data folder. [default: $SHIPLINE_DATA, else ~/.local/share/shipline; when nothing runs there, "
    "that of a demo that was kept]",
)
format_option = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print."
)
