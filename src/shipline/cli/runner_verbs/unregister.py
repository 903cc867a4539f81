"""`shipline runner unregister`: leave a coordinator."""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.core import ParameterSource

from shipline.cli.runner_verbs.options import Config, chosen, chosen_option, config_option, each, end
from shipline.errors import UsageError
from shipline.protocols.runner_registration import is_authentication_token
from shipline.runner.config.sections import RunnerSection
from shipline.runner.registration import Refused


@click.command()
@config_option
@chosen_option
@click.option("-u", "--url", help="With --token: the coordinator of a runner, in the file or not.")
@click.option(
    "-t",
    "--token",
    envvar="CI_SERVER_TOKEN",
    show_envvar=True,
    help="With --url: the runner's token. In the variable no process list shows it.",
)
@click.pass_context
def unregister(
    context: click.Context,
    /,
    config: Config,
    names: tuple[str, ...],
    everyone: bool,
    url: str | None,
    token: str | None,
) -> None:
    """Take leave of a coordinator, and remove the entry.

    A runner with a glrt- token was made in the coordinator and stays there; only this machine is taken off it. One
    that was registered with a registration token is deleted. An entry whose coordinator cannot be reached stays.
    With --url and --token a runner is left that has no entry any more.
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
        if not config.path.exists() or not config.disk.remove(frozenset((section.token,))):
            return f"{gone}; {config.path} has no entry of it"
        return f"{gone}, and the entry is removed from {config.path}"

    if token and not url and context.get_parameter_source("token") is ParameterSource.COMMANDLINE:
        raise UsageError("--url is missing.", hint="--url and --token name a runner together.")
    sections: Sequence[RunnerSection] = (
        [_with(config, url, token, names, everyone)] if url else chosen(config, names, everyone)
    )
    config.disk.check_writable()
    end(each(sections, leave))


def _with(
    config: Config, url: str, token: str | None, names: tuple[str, ...], everyone: bool
) -> RunnerSection:
    """The entry that has the token; one is made up where the file has none."""
    if not token:
        raise UsageError("--token is missing.", hint="--url and --token name a runner together.")
    if names or everyone:
        raise UsageError("--url and --token name one runner; --name and --all-runners cannot go with them.")
    known = config.read().runners if config.path.exists() else ()
    asked = RunnerSection(url, url, token)
    return next((one for one in known if (one.token, one.url.rstrip("/")) == (token, url.rstrip("/"))), asked)
