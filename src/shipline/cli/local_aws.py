"""`shipline local-aws`: the local ECS, ECR and load-balancing endpoint, alone."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import click
from rich.console import Console

from shipline import config
from shipline.cli.options import data_option
from shipline.cli.progress import reporter
from shipline.config import DataFolder
from shipline.host.engine import engine


@click.command()
@data_option
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Where to listen. [default: as configured, else 4566]"
)
def local_aws(data: DataFolder, port: int | None) -> None:
    """Start the local AWS endpoint alone: ECS, ECR, Elastic Load Balancing, STS.

    Its access key is in aws/credentials of the data folder, in the format of AWS's credentials files.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("httpx", "botocore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    settings = config.load(data)
    if port is not None:
        url = f"http://127.0.0.1:{port}"
        settings = replace(
            settings, aws=replace(settings.aws, port=port, endpoint_url=url, container_url=url)
        )
    asyncio.run(_run(data, settings))


async def _run(data: DataFolder, settings: config.Config) -> None:
    from shipline.local_aws.server import serve

    async with engine(reporter(Console(stderr=True))) as docker_host:
        await serve(data, settings, docker_host)
