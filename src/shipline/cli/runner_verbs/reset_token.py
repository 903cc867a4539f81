"""`shipline runner reset-token`: another token for a runner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from shipline.cli.runner_verbs.options import Config, chosen, chosen_option, config_option, each, end
from shipline.errors import UsageError
from shipline.runner.config.sections import RunnerSection


@click.command(name="reset-token")
@config_option
@chosen_option
@click.option("-u", "--url", help="With --id: the entry of the runner with that id at this address.")
@click.option("--id", "number", type=click.IntRange(1), help="With --url: the runner's id.")
@click.option(
    "--pat",
    envvar="PAT",
    show_envvar=True,
    help="A personal access token, instead of the runner's own. In PAT no process list shows it.",
)
def reset_token(
    config: Config,
    names: tuple[str, ...],
    everyone: bool,
    url: str | None,
    number: int | None,
    pat: str | None,
) -> None:
    """Exchange a runner's token for a new one, in the coordinator and in the file.

    Others who use the old token cannot any more. A runner that runs takes the new one up by itself. With --pat a
    token that has expired, or was given away, is exchanged, too.
    """

    async def exchange(section: RunnerSection) -> str:
        async with config.client(section) as client:
            found = (
                await client.reset_token_as_user(section.id, pat)
                if pat
                else await client.reset_token(section.token)
            )
        config.disk.set_token(section.token, found.token, datetime.now(UTC), found.token_expires_at)
        until = f" until {found.token_expires_at:%Y-%m-%d %H:%M} UTC" if found.token_expires_at else ""
        return f"has a new token{until}"

    if url or number:
        sections: Sequence[RunnerSection] = _at(config, url, number, names, everyone)
    else:
        sections = chosen(config, names, everyone)
    for section in sections:
        if pat and not section.id:
            raise UsageError(
                f'{config.path}: the entry "{section.name}" has no id, by which GitLab knows the runner.',
                hint="Write `id = NUMBER` into it; the runner's page has the number.",
            )
    config.disk.check_writable()
    end(each(sections, exchange))


def _at(
    config: Config, url: str | None, number: int | None, names: tuple[str, ...], everyone: bool
) -> list[RunnerSection]:
    if not (url and number):
        raise UsageError("--url and --id go together.")
    if names or everyone:
        raise UsageError("--url and --id name one runner; --name and --all-runners cannot go with them.")
    found = [
        one for one in config.read().runners if (one.url.rstrip("/"), one.id) == (url.rstrip("/"), number)
    ]
    if not found:
        raise UsageError(
            f"{config.path} has no runner with the id {number} at {url}.",
            hint="`shipline runner list --format json` shows the ids and addresses.",
        )
    return found
