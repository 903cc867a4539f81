"""`shipline runner register`: one [[runners]] entry more."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from shipline.cli.runner_verbs.options import Config, config_option
from shipline.cli.runner_verbs.register_options import (
    ENTRY_OPTIONS,
    SERVER_OPTIONS,
    entry_options,
    entry_values,
)
from shipline.cli.runner_verbs.template import below, read_template
from shipline.errors import UsageError
from shipline.protocols.runner_registration import RegisterRequest, RunnerToken, is_authentication_token
from shipline.runner.config.sections import EXECUTORS, DockerSection, RunnerSection
from shipline.runner.config_file import parse

__all__ = ["ENTRY_OPTIONS", "register"]


@click.command()
@config_option
@click.option("-n", "--non-interactive", is_flag=True, envvar="REGISTER_NON_INTERACTIVE", help="Ask nothing.")
@click.option("-u", "--url", envvar="CI_SERVER_URL", help="The coordinator's or GitLab's address.")
@click.option(
    "-t",
    "--token",
    envvar="CI_SERVER_TOKEN",
    help="The runner's token (glrt-...), or a registration token. In CI_SERVER_TOKEN no process list shows it.",
)
@click.option(
    "-r", "--registration-token", envvar="REGISTRATION_TOKEN", help="A registration token, for old GitLabs."
)
@click.option("--name", "--description", "name", envvar="RUNNER_NAME", help="The entry's name.")
@click.option("--executor", envvar="RUNNER_EXECUTOR", help=f"How jobs are run: {', '.join(EXECUTORS)}.")
@click.option(
    "--template-config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    envvar="TEMPLATE_CONFIG_FILE",
    show_envvar=True,
    help="A file with one [[runners]] entry: what it says and no flag does becomes the new entry's, too.",
)
@entry_options
def register(
    config: Config,
    non_interactive: bool,
    url: str | None,
    token: str | None,
    registration_token: str | None,
    name: str | None,
    executor: str | None,
    template_config: Path | None,
    **options: Any,
) -> None:
    """Make this machine a runner of a coordinator or a GitLab: an entry more in the config file.

    Asks for what is not given, unless --non-interactive. With a glrt- token (made in the coordinator, where the
    runner's tags and rights are set) the token is only checked; with a registration token the runner is made.
    """
    if token and registration_token:
        raise UsageError("--token and --registration-token cannot go together.")
    template, warnings = read_template(template_config) if template_config else ({}, ())
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    url, name, executor = (
        given or template.get(key) for key, given in (("url", url), ("name", name), ("executor", executor))
    )
    ask = _refuse if non_interactive else _ask
    token = token or registration_token
    url = url or ask("The coordinator's or GitLab's address (such as https://gitlab.com)", "--url", None)
    token = token or ask("The runner's token", "--token", None, secret=True)
    served = {key: options[key] for key in SERVER_OPTIONS if options[key] is not None}
    if is_authentication_token(token):
        _refuse_what_the_server_owns(served)
    name = name or (
        socket.gethostname() if non_interactive else ask("A name for it", "--name", socket.gethostname())
    )
    executor = executor or ask(f"The executor ({', '.join(EXECUTORS)})", "--executor", "docker")
    entry = below(entry_values(options), template)
    if executor == "docker" and not entry.get("docker", {}).get("image"):
        default = DockerSection().image
        image = (
            default if non_interactive else ask("The image of jobs that name none", "--docker-image", default)
        )
        entry["docker"] = {"image": image} | entry.get("docker", {})
    _register(config, entry | {"name": name, "url": url, "executor": executor}, token, served)


def _register(config: Config, entry: dict[str, Any], token: str, served: Mapping[str, Any]) -> None:
    section = _section(config, entry, token)
    if config.path.exists() and any(one.token == token for one in config.read().runners):
        raise UsageError(
            f"{config.path} has this token already.",
            hint="See `shipline runner list`; `unregister` removes an entry.",
        )
    config.disk.check_writable()
    found = asyncio.run(_ask_the_server(config, section, served))
    times: dict[str, Any] = {"token_obtained_at": datetime.now(UTC).replace(microsecond=0)}
    if found.token_expires_at:
        times["token_expires_at"] = found.token_expires_at.replace(microsecond=0)
    known = {"id": found.id} if found.id else {}
    plain = {key: value for key, value in entry.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in entry.items() if isinstance(value, Mapping)}
    first = {key: plain.pop(key) for key in ("name", "url")}
    config.disk.add(first | known | {"token": found.token or token} | times | plain | tables)
    click.echo(f'Registered "{section.name}" at {section.url}; it is in {config.path}.')
    if config.home.manager() is not None:
        click.echo("The runner that runs takes it up within seconds.")
    else:
        click.echo("Start it with `shipline runner run`.")


def _section(config: Config, entry: Mapping[str, Any], token: str) -> RunnerSection:
    """The entry as it will be read: what is wrong with it is told before anything is done. Raises UsageError."""
    import tomlkit

    text = tomlkit.dumps({"runners": [dict(entry) | {"token": token}]})
    return parse(config.path, text).runners[0]


async def _ask_the_server(config: Config, section: RunnerSection, served: Mapping[str, Any]) -> RunnerToken:
    async with config.client(section) as client:
        if is_authentication_token(section.token):
            return await client.verify(section.token, section.executor)
        return await client.register(_request(section, served), section.executor)


def _request(section: RunnerSection, served: Mapping[str, Any]) -> RegisterRequest:
    try:
        return RegisterRequest(token=section.token, description=section.name, **served)
    except ValidationError as error:
        found = error.errors()[0]
        option = f"--{str(found['loc'][0]).replace('_', '-')}"
        raise UsageError(f"{option.replace('--description', '--name')}: {found['msg']}.") from None


def _refuse_what_the_server_owns(served: Mapping[str, Any]) -> None:
    if served:
        names = ", ".join(f"--{key.replace('_', '-')}" for key in served)
        raise UsageError(
            f"{names} cannot be given with a glrt- token: the coordinator decides that.",
            hint="Change it there, in the runner's settings.",
        )


Ask = Callable[..., str]


def _refuse(_question: str, option: str, default: str | None, *, secret: bool = False) -> str:
    if default is not None:
        return default
    raise UsageError(f"{option} is missing.", hint="With --non-interactive nothing is asked.")


def _ask(question: str, _option: str, default: str | None, *, secret: bool = False) -> str:
    # getpass would complain about an input that is no terminal.
    hidden = secret and sys.stdin.isatty()
    return str(click.prompt(question, default=default, hide_input=hidden)).strip()
