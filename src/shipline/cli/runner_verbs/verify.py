"""`shipline runner verify`: are the tokens good?"""

from __future__ import annotations

import click

from shipline.cli.runner_verbs.options import Config, chosen, config_option, each, end
from shipline.runner.config.sections import RunnerSection
from shipline.runner.registration import Refused


@click.command()
@config_option
@click.option("-n", "--name", "names", multiple=True, help="Only the entry with this name.")
@click.option("--delete", is_flag=True, help="Remove the entries whose token is refused from the file.")
def verify(config: Config, names: tuple[str, ...], delete: bool) -> None:
    """Ask the coordinators whether the runners' tokens are good.

    Exit code 1 when one is refused (without --delete), or a coordinator cannot be reached.
    """
    refused: list[str] = []

    async def ask(section: RunnerSection) -> str:
        async with config.client(section) as client:
            try:
                await client.verify(section.token, section.executor)
            except Refused as error:
                if error.status not in (403, 422) or not delete:
                    raise
                refused.append(section.token)
                return f"refused, and removed from {config.path} ({error.status})"
        return "its token is good"

    failed = each(chosen(config, names, everyone=not names), ask)
    if refused:
        config.disk.remove(frozenset(refused))
    end(failed)
