"""`shipline runner reset-token`: another token for a runner."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from shipline.cli.runner_verbs.options import Config, chosen, chosen_option, config_option, each, end
from shipline.runner.config.sections import RunnerSection


@click.command(name="reset-token")
@config_option
@chosen_option
def reset_token(config: Config, names: tuple[str, ...], everyone: bool) -> None:
    """Exchange a runner's token for a new one, in the coordinator and in the file.

    Others who use the old token cannot any more. A runner that runs takes the new one up by itself.
    """

    async def exchange(section: RunnerSection) -> str:
        async with config.client(section) as client:
            found = await client.reset_token(section.token)
        config.disk.set_token(section.token, found.token, datetime.now(UTC), found.token_expires_at)
        until = f" until {found.token_expires_at:%Y-%m-%d %H:%M} UTC" if found.token_expires_at else ""
        return f"has a new token{until}"

    sections = chosen(config, names, everyone)
    config.disk.check_writable()
    end(each(sections, exchange))
