"""GitLab's own gitlab-runner, unmodified, as a process over a config.toml of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.coordinator.server import Project, Runner, until

BINARY_VARIABLE = "GITLAB_RUNNER"
HELPER_VARIABLE = "GITLAB_RUNNER_HELPER_IMAGE"
END_SECONDS = 90.0
# Far more than any pipeline here takes on a loaded machine.
PIPELINE_SECONDS = 150.0
OVER = frozenset({"success", "failed", "canceled", "skipped", "manual"})
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|section_(?:start|end):\d+:\w+\r")


def named() -> str:
    """The program that is asked for, whether it is there or not; empty when there is none on this machine."""
    return os.environ.get(BINARY_VARIABLE, "") or shutil.which("gitlab-runner") or ""


def helper_image(program: Path) -> str | None:
    """The helper image for the docker executor: a name, or nothing ("") where the program has brought its own
    along, as its packages do. None: it would have to be pulled."""
    if asked := os.environ.get(HELPER_VARIABLE, ""):
        return asked
    beside = ("out/helper-images", "../helper-images", "../lib/gitlab-runner/helper-images")
    brought = any((program.parent / folder).glob("prebuilt-*") for folder in beside)
    return "" if brought else None


@dataclass
class OfficialRunner:
    """One manager process. Its builds and its home lie in `folder`, with nothing of the account that the tests
    run under."""

    program: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        (self.folder / "home").mkdir(parents=True, exist_ok=True)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def log(self) -> str:
        return _ESCAPES.sub("", (self.folder / "gitlab-runner.log").read_text(errors="replace"))

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8"}

    def configure(self, *runners: str, **members: Any) -> None:
        """Its config.toml: these members above these [[runners]]."""
        wanted = {"concurrent": 1, "check_interval": 1} | members
        lines = [f"{key} = {_toml(value)}\n" for key, value in wanted.items()]
        self.config.write_text("".join([*lines, *runners]))

    def shell(self, runner: Runner, name: str = "shell", **members: Any) -> str:
        """A [[runners]] entry: jobs are processes on this machine."""
        return entry(
            {
                "name": name,
                "url": runner.coordinator.url,
                "token": runner.token,
                "executor": "shell",
                "shell": "bash",
                "builds_dir": str(self.folder / "builds"),
                "cache_dir": str(self.folder / "cache"),
            }
            | members
        )

    def verb(self, *words: str, check: bool = True) -> str:
        """What a command of the program says; it must succeed, or must fail."""
        ended = subprocess.run(
            [self.program, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=END_SECONDS,
        )
        said = _ESCAPES.sub("", ended.stdout)
        assert (ended.returncode == 0) is check, said
        return said

    def entries(self) -> list[dict[str, Any]]:
        """The [[runners]] of its config.toml, as it has written them."""
        return list(tomllib.loads(self.config.read_text()).get("runners", []))

    def start(self) -> None:
        with (self.folder / "gitlab-runner.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "run", "-c", str(self.config), "--working-directory", str(self.folder)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(timeout=END_SECONDS)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def started(manager: OfficialRunner) -> Iterator[OfficialRunner]:
    manager.start()
    try:
        yield manager
    finally:
        manager.end()


def entry(members: Mapping[str, Any], **tables: Mapping[str, Any]) -> str:
    """A [[runners]] entry with tables of its own below it, as TOML."""
    lines = ["", "[[runners]]", *(f"{key} = {_toml(value)}" for key, value in members.items())]
    for name, table in tables.items():
        lines += [f"[runners.{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return str(value) if isinstance(value, int) else f"'{value}'"


def finished(project: Project, status: str = "success", seconds: float = PIPELINE_SECONDS) -> dict[str, Any]:
    """The newest pipeline's jobs by name, once it has ended, which must be with this status."""
    until(lambda: project.pipeline()["status"] in OVER, "the pipeline ends", seconds, pause=0.1)
    jobs = project.jobs()
    told = {name: (job["status"], job["failure_reason"]) for name, job in jobs.items()}
    logs = "".join(
        f"\n--- {name}\n{log_of(project, job)[-2000:]}" for name, job in jobs.items() if job["started_at"]
    )
    pipeline = project.root.get(f"projects/{project.id}/pipelines/{project.pipeline()['id']}")
    assert pipeline["status"] == status, f"{pipeline['yaml_errors']}{told}{logs}"
    return jobs


def log_of(project: Project, job: Mapping[str, Any]) -> str:
    """A job's log as a person reads it: without colours and sections."""
    return _ESCAPES.sub("", project.trace(job["id"])).replace("\r\n", "\n")


def until_status(project: Project, job: str, status: str) -> dict[str, Any]:
    """The job of that name, once it has this status."""

    def found() -> dict[str, Any] | None:
        now: dict[str, Any] = project.jobs()[job]
        return now if now["status"] == status else None

    return dict(until(found, f"{job} is {status}", PIPELINE_SECONDS, pause=0.1))


@contextmanager
def watching(project: Project, job: int) -> Iterator[None]:
    """The job's page, open as anybody has it who may see the project (which is public): while somebody looks,
    a runner is asked to send its log every few seconds, and hears the sooner of a cancel."""
    path = f"/{project.path}/-/jobs/{job}/live"
    with project.coordinator.client() as client, client.stream("GET", path) as stream:
        assert stream.status_code == 200
        yield
