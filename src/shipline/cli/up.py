"""`shipline up`: start the whole system and stay until it is ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import click
from rich.console import Console

from shipline.cli.options import data_option, format_option
from shipline.cli.progress import reporter
from shipline.config import DataFolder
from shipline.errors import HostError
from shipline.supervisor import state
from shipline.supervisor.system import system

DETACH_SECONDS = 1800.0
STAY = b"stay\n"


@click.command()
@data_option
@format_option
@click.option(
    "--detach", "-d", is_flag=True, help="Return when the system is up; end it with `shipline down`."
)
@click.option(
    "--registry-alias",
    "aliases",
    multiple=True,
    metavar="HOST",
    help="A further name of the registry in image names, such as gitlab.example.com. Repeat for more.",
)
@click.option(
    "--until-stdin-closes",
    is_flag=True,
    help="Go down when stdin closes: when the caller has died. Unless it has written a line `stay` before.",
)
def up(
    data: DataFolder, output: str, detach: bool, aliases: tuple[str, ...], until_stdin_closes: bool
) -> None:
    """Start the whole system on this machine: coordinator, registry, local AWS, runner.

    Once it is up, `--format json` prints one line with what `shipline status` says.
    """
    if detach:
        _detach(data, aliases)
        if output == "json" and (running := state.read(data)):
            click.echo(json.dumps(running.document()))
    else:
        asyncio.run(_run(data, aliases, output, until_stdin_closes))


async def _run(data: DataFolder, aliases: tuple[str, ...], output: str, until_stdin_closes: bool) -> None:
    console = Console(stderr=True)
    # Until it is up, being told to end breaks off the start; the way down is the same.
    caller = _Caller(data) if until_stdin_closes else None
    _on_end(_canceller(), caller)
    try:
        async with system(data, aliases=aliases, progress=reporter(console)) as running:
            _on_end(running.stop.set, caller)
            if output == "json":
                click.echo(json.dumps(running.running.document()))
                sys.stdout.flush()
            else:
                _say_where(console, running.running)
            await running.stop.wait()
            console.print("Going down")
    except asyncio.CancelledError:
        console.print("Interrupted; everything that was started is down again.")
        sys.exit(130)


def _canceller() -> Callable[[], object]:
    task = asyncio.current_task()
    return task.cancel if task else lambda: None


def _on_end(end: Callable[[], object], caller: _Caller | None) -> None:
    """Call `end` at SIGINT, SIGTERM, and when the caller has gone without a word."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    if caller is not None:
        caller.watch(end)


@dataclass
class _Caller:
    """Who started us, at the other end of stdin."""

    data: DataFolder
    said: bytes = b""

    def watch(self, end: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        stdin = sys.stdin.fileno()

        def read() -> None:
            part = os.read(stdin, 4096)
            self.said = (self.said + part)[-len(STAY) :]
            if self.said == STAY:
                loop.remove_reader(stdin)
                self._let_go()
            elif not part:
                loop.remove_reader(stdin)
                end()

        loop.add_reader(stdin, read)

    def _let_go(self) -> None:
        """Hold nothing of the caller's: who waits for the end of its output must not wait for ours."""
        with (self.data.run / "up.log").open("ab") as log:
            for number in (1, 2):
                os.dup2(log.fileno(), number)


def _say_where(console: Console, running: state.Running) -> None:
    console.print("[bold]shipline is up[/bold]")
    for name, value in (
        ("coordinator", running.coordinator_url),
        ("registry", running.registry_address),
        ("local AWS", running.aws_endpoint_url),
        ("admin token", running.admin_token_file),
        ("AWS keys", running.aws_credentials_file),
    ):
        console.print(f"  {name:12} {value}", highlight=False, soft_wrap=True)


def _detach(data: DataFolder, aliases: tuple[str, ...]) -> None:
    with state.hold(data):
        """Raises, saying so, when it runs already."""
    data.run.mkdir(parents=True, exist_ok=True)
    log_path = data.run / "up.log"
    words = [sys.executable, "-m", "shipline", "up", "--data", str(data.root)]
    words += [word for alias in aliases for word in ("--registry-alias", alias)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    shown = 0
    deadline = time.monotonic() + DETACH_SECONDS
    try:
        while time.monotonic() < deadline:
            text = log_path.read_bytes()
            end = text.rfind(b"\n") + 1
            if end > shown:
                sys.stderr.write(text[shown:end].decode(errors="replace"))
                shown = end
            if state.read(data) is not None:
                return
            if process.poll() is not None:
                raise HostError("The system did not come up.", hint=f"Its log is {log_path}.")
            time.sleep(0.1)
    except KeyboardInterrupt:
        os.kill(process.pid, signal.SIGTERM)
        process.wait()
        raise
    raise HostError(f"The system was not up after {DETACH_SECONDS:.0f} s.", hint=f"Its log is {log_path}.")
