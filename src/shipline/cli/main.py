"""The `shipline` command. A verb's file is imported only when it is called, so that each stays quick."""

from __future__ import annotations

import sys

import click

from shipline.cli.lazy import LazyGroup
from shipline.errors import ShiplineError, UsageError
from shipline.version import __version__

VERBS = {
    "up": ("shipline.cli.up:up", "Start the whole system on this machine."),
    "down": ("shipline.cli.down:down", "Stop the system that `up` started."),
    "status": ("shipline.cli.status:status", "Say what runs, and where."),
    "coordinator": ("shipline.cli.coordinator:coordinator", "Start the coordinator alone."),
    "runner": ("shipline.cli.runner:runner", "Run jobs for a coordinator or a GitLab."),
    "local-aws": ("shipline.cli.local_aws:local_aws", "Start the local ECS and ECR endpoint alone."),
    "lint": ("shipline.cli.lint:lint", "Check a .gitlab-ci.yml: every error at once."),
    "list": ("shipline.cli.list:list_", "Say which jobs a push would get, and why."),
    "graph": ("shipline.cli.graph:graph", "Draw stages and needs: text, SVG, Mermaid."),
    "explain": ("shipline.cli.explain:explain", "Say where each value of a job comes from."),
    "demo": ("shipline.cli.demo:demo", "Push an app three times and watch it ship."),
    "host": ("shipline.cli.host:host", "Prepare this machine: engine and images."),
}


@click.group(cls=LazyGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shipline", message="%(prog)s %(version)s")
def shipline() -> None:
    """From git push to the new container in service."""


def main() -> None:
    """Run the command; errors that we know end as one sentence on stderr, Ctrl-C as exit code 130."""
    try:
        code = shipline.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ShiplineError as error:
        click.echo(f"shipline: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    sys.exit(code if isinstance(code, int) else 0)
