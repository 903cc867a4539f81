"""`shipline runner list`: the entries of the config file."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from shipline.cli.options import format_option
from shipline.cli.runner_verbs.options import Config, config_option
from shipline.cli.terminal import columns, out, style
from shipline.runner.config.sections import RunnerSection


@click.command(name="list")
@config_option
@format_option
def list_(config: Config, output: str) -> None:
    """Say which runners the config file has. Of a token only its first characters are shown."""
    runners = config.read().runners
    if output == "json":
        out([json.dumps([_row(one) for one in runners], ensure_ascii=False, indent=2)])
        return
    if not runners:
        out([f"{config.path} has no runners. `shipline runner register` makes one."])
        return
    rows = [
        (one.name, one.executor, str(one.limit or "-"), one.short_token, _expiry(one) or "never", one.url)
        for one in runners
    ]
    heads = ("name", "executor", "limit", "token", "expires", "url")
    out(columns(rows, heads, style(sys.stdout), ("bold", "", "", "dim", "", "")))


def _row(runner: RunnerSection) -> dict[str, Any]:
    return {
        "name": runner.name,
        "id": runner.id or None,
        "url": runner.url,
        "executor": runner.executor,
        "limit": runner.limit,
        "token": runner.short_token,
        "token_expires_at": _expiry(runner) or None,
    }


def _expiry(runner: RunnerSection) -> str:
    at = runner.token_expires_at
    return at.isoformat(timespec="seconds") if at else ""
