"""`shipline runner unregister`: leave a coordinator."""

from __future__ import annotations

import click

from shipline.cli.runner_verbs.options import Config, chosen, chosen_option, config_option, each, end
from shipline.protocols.runner_registration import is_authentication_token
from shipline.runner.config.sections import RunnerSection
from shipline.runner.registration import Refused


@click.command()
@config_option
@chosen_option
def unregister(config: Config, names: tuple[str, ...], everyone: bool) -> None:
    """Take leave of a coordinator, and remove the entry.

    A runner with a glrt- token was made in the coordinator and stays there; only this machine is taken off it. One
    that was registered with a registration token is deleted. An entry whose coordinator cannot be reached stays.
    """

    async def leave(section: RunnerSection) -> str:
        manager_only = is_authentication_token(section.token)
        async with config.client(section) as client:
            try:
                await client.leave(section.token, manager_only=manager_only)
                gone = "this machine is off the runner" if manager_only else "the runner is deleted"
            except Refused as error:
                if error.status not in (403, 404):
                    raise
                gone = f"the coordinator knew it no more ({error.status})"
        config.disk.remove(frozenset((section.token,)))
        return f"{gone}, and the entry is removed from {config.path}"

    sections = chosen(config, names, everyone)
    config.disk.check_writable()
    end(each(sections, leave))
