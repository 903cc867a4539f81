"""`shipline runner status`: does it run, and what does it do?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from shipline.cli.options import format_option
from shipline.cli.runner_verbs.options import Config, config_option
from shipline.cli.terminal import Style, columns, out, safe, style

_STATES = {
    "working": "takes jobs",
    "finishing": "takes no more jobs, and finishes those that it has",
    "stopping": "ends its jobs",
}


@click.command()
@config_option
@format_option
def status(config: Config, output: str) -> None:
    """Say whether the runner runs, and which jobs it holds, since when, and at which stage.

    Exit code 3 when it does not run.
    """
    pid = config.home.manager()
    found: dict[str, Any] = {"running": pid is not None, "config": str(config.path)}
    if pid is not None:
        found |= config.home.read_status()
        # The lock is the truth; a status that is just being written may be an older one.
        found["pid"] = pid or found.get("pid")
    if output == "json":
        out([json.dumps(found, ensure_ascii=False, indent=2)])
    else:
        out(_told(found, datetime.now(UTC), style(sys.stdout)))
    sys.exit(0 if pid is not None else 3)


def _told(found: dict[str, Any], now: datetime, paint: Style) -> Iterable[str]:
    if not found["running"]:
        yield f"No runner works with {found['config']}. Start it with `shipline runner run`."
        return
    if "state" not in found:
        yield f"The runner (process {found['pid']}) is starting."
        return
    ago = _ago(found["since"], now)
    jobs, runners = found["jobs"], found["runners"]
    yield f"The runner (process {found['pid']}, for {ago}) {_STATES.get(found['state'], found['state'])}."
    yield ""
    entries = [
        (
            one["name"],
            one["state"],
            f"{one['jobs']}/{one['limit']}" if one["limit"] else str(one["jobs"]),
            f"{_ago(one['heard_at'], now)} ago" if one["heard_at"] else "never",
            one["url"],
        )
        for one in runners
    ]
    yield from columns(entries, ("runner", "state", "jobs", "heard", "url"), paint, ("bold",))
    for one in runners:
        if one["problem"]:
            yield f"  {paint(safe(one['name']), 'bold')}: {safe(one['problem'])}"
    yield ""
    if not jobs:
        yield f"No jobs; room for {found['concurrent']}."
        return
    rows = [
        (str(one["id"]), one["name"], one["project"], one["doing"], _ago(one["since"], now), one["runner"])
        for one in jobs
    ]
    heads = ("job", "name", "project", "doing", "for", "runner")
    yield from columns(rows, heads, paint, ("bold", "", "", "cyan"))


def _ago(text: str, now: datetime) -> str:
    seconds = max(0, int((now - datetime.fromisoformat(text)).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
