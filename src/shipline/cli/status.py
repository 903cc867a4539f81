"""`shipline status`: what runs, and where."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
import httpx

from shipline.cli.options import format_option, running_data_option
from shipline.config import DataFolder
from shipline.supervisor import state


@click.command()
@running_data_option
@format_option
def status(data: DataFolder, output: str) -> None:
    """Say what runs, and where. Exit code 3 when nothing runs."""
    running = state.read(data)
    document: dict[str, Any] = {"running": False, "data": str(data.root)}
    if running is not None:
        document = running.document() | {"data": str(data.root), "services": _services(running)}
    if output == "json":
        click.echo(json.dumps(document, indent=2))
    else:
        _print(document)
    sys.exit(0 if running is not None else 3)


def _services(running: state.Running) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(f"{running.aws_endpoint_url}/_shipline/services", timeout=5, trust_env=False)
        return list(answer.raise_for_status().json())
    except (httpx.HTTPError, ValueError):
        return []


def _print(document: dict[str, Any]) -> None:
    if not document["running"]:
        click.echo(f"Nothing runs for {document['data']}. Start it with `shipline up`.")
        return
    click.echo(f"coordinator   {document['coordinator']['url']}")
    click.echo(f"registry      {document['registry']['address']}")
    click.echo(f"local AWS     {document['aws']['endpoint_url']}")
    click.echo(f"admin token   {document['admin_token_file']}")
    for service in document["services"]:
        click.echo(f"service       {service['name']}  {service.get('url') or '-'}")
