"""`shipline down`: end the system that `up` started; its state stays in the data folder."""

from __future__ import annotations

import os
import signal
import time

import click

from shipline.cli.options import running_data_option
from shipline.config import DataFolder
from shipline.errors import HostError
from shipline.supervisor import state

SECONDS = 60.0


@click.command()
@running_data_option
def down(data: DataFolder) -> None:
    """Stop the system that `up` started. What it knows stays in the data folder."""
    pid = state.holder(data)
    if pid is None:
        click.echo(f"Nothing runs for {data.root}.", err=True)
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS
    while state.holder(data) == pid:
        if time.monotonic() > deadline:
            raise HostError(
                f"Process {pid} did not end in {SECONDS:.0f} s.", hint=f"Its logs are in {data.run}."
            )
        time.sleep(0.05)
    click.echo("Down.", err=True)
