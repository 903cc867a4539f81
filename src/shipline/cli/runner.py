"""`shipline runner`: run jobs for a coordinator or a GitLab."""

from __future__ import annotations

import click

from shipline.cli.lazy import LazyGroup

_ROOM = "shipline.cli.runner_verbs"
VERBS = {
    "register": (f"{_ROOM}.register:register", "Make this machine a runner of a coordinator or a GitLab."),
    "run": (f"{_ROOM}.run:run", "Ask for jobs and run them."),
    "status": (f"{_ROOM}.status:status", "Say whether the runner runs, and which jobs it holds."),
    "list": (f"{_ROOM}.list:list_", "Say which runners the config file has."),
    "verify": (f"{_ROOM}.verify:verify", "Ask the coordinators whether the runners' tokens are good."),
    "reset-token": (f"{_ROOM}.reset_token:reset_token", "Exchange a runner's token for a new one."),
    "unregister": (f"{_ROOM}.unregister:unregister", "Take leave of a coordinator, and remove the entry."),
    "check-config": (f"{_ROOM}.check_config:check_config", "Check the config file without running anything."),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def runner() -> None:
    """Run jobs for a coordinator or a GitLab, as gitlab-runner does, and with its config.toml."""
