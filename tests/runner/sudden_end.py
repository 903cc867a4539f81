"""A real coordinator, a gate before it, and a real runner that is killed at a moment which the gate makes last."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.coordinator.server import Project, WorkTree, until
from tests.runner.gate import Gate, Which
from tests.runner.process import Manager

LAST_WORD = "the script came to its end"
# More than the programs need on a machine that has much else to do.
SECONDS = 60.0
FINISHED = ("success", "failed", "canceled", "skipped")
Json = dict[str, Any]


def calls(method: str, *parts: str) -> Which:
    return lambda call: call.is_(method, *parts)


def tells(state: str) -> Which:
    return lambda call: call.is_("PUT", "/api/v4/jobs/") and f'"state":"{state}"'.encode() in call.content


@dataclass(frozen=True)
class Moment:
    """When the runner is killed: while calls that are `which` are held, or the answers to them with that
    `answered`. `image` is the job's, `first`: whether there is a job before it with artifacts for it."""

    name: str
    which: Which
    answered: int | None = None
    image: str = ""
    first: bool = False


# In the order in which a job comes to them.
HANDED_OUT = Moment("handed_out", calls("POST", "/api/v4/jobs/request"), answered=201)
ACCEPTING = Moment("accept_job", tells("running"))
ACCEPTED = Moment("accepted", tells("running"), answered=200)
PREPARE = Moment("prepare_executor", calls("GET", "/v2/"), image="127.0.0.1:{port}/never/comes:1")
GET_SOURCES = Moment("get_sources", calls("GET", ".git/info/refs"))
RESTORE_CACHE = Moment("restore_cache", calls("GET", "/store/"))
DOWNLOAD_ARTIFACTS = Moment("download_artifacts", calls("GET", "/api/v4/jobs/", "/artifacts"), first=True)
STEP_SCRIPT = Moment("step_script", calls("GET", "/say/step_script/"))
AFTER_SCRIPT = Moment("after_script", calls("GET", "/say/after_script/"))
ARCHIVE_CACHE = Moment("archive_cache", calls("PUT", "/store/"))
UPLOAD_ARTIFACTS = Moment("upload_artifacts", calls("POST", "/api/v4/jobs/", "/artifacts"))
ENDING = Moment("ending", tells("success"))
ENDED = Moment("ended", tells("success"), answered=200)


@dataclass
class Fleet:
    """One runner, killed and started again and again. `host` is this machine from where jobs run. `left` says what
    of the runner's jobs is still there."""

    gate: Gate
    project: Project
    manager: Manager
    tree: WorkTree
    host: str
    left: Callable[[], list[str]]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ship(self, moment: Moment) -> int:
        """A pipeline whose job comes to that moment, and with `next`, which waits to be played; the job's id."""
        branch = f"branch-{next(self.numbers)}"
        lines = [
            ".say: &say",
            f'  - say() {{ exec 3<>/dev/tcp/{self.host}/{self.gate.port}; echo "GET /say/$1/$CI_JOB_ID HTTP/1.0" >&3;',
            "    echo >&3; cat <&3 >/dev/null; }",
            "next:",
            "  when: manual",
            "  needs: []",
            "  script: [*say, say next]",
            "job:",
            f"  cache: {{key: {branch}, paths: [kept]}}",
            "  artifacts: {paths: [made.txt]}",
            "  script:",
            *("  - *say", "  - say begun", "  - echo a > made.txt; mkdir kept; echo b > kept/b.txt"),
            *("  - say step_script", f"  - echo {LAST_WORD}"),
            "  after_script: [*say, say after_script]",
        ]
        if moment.image:
            lines += [f"  image: {moment.image.format(port=self.gate.port)}"]
        if moment.first:
            lines += ["first:", "  stage: build", "  script: [echo b > built.txt]"]
            lines += ["  artifacts: {paths: [built.txt]}"]
        self.tree.ship("\n".join(lines) + "\n", branch=branch)
        return int(self.project.jobs()["job"]["id"])

    @contextmanager
    def dying(self, moment: Moment) -> Iterator[int]:
        """The runner is dead, and what it was waiting for does not come; the job's id."""
        with self.gate.holding(moment.which, moment.answered) as hold:
            number = self.ship(moment)
            until(lambda: hold.calls, f"a job comes to {moment.name}", SECONDS)
            self.manager.end(signal.SIGKILL)
            self.gate.cut()
            yield number

    def job(self, number: int) -> Json:
        return dict(self.project.root.get(f"projects/{self.project.id}/jobs/{number}"))

    def ends(self, number: int) -> Json:
        """The job, once it has an end."""
        return dict(
            until(
                lambda: (found := self.job(number))["status"] in FINISHED and found,
                f"job {number} ends",
                SECONDS,
            )
        )

    def next_runs(self, number: int) -> None:
        """The next job of the same pipeline."""
        pipeline = self.job(number)["pipeline"]["id"]
        following = int(self.project.jobs(pipeline)["next"]["id"])
        assert self.project.act("play", following).status_code == 200
        assert self.ends(following)["status"] == "success", self.project.trace(following)
        assert self.gate.said["next", following] == 1

    def journal(self) -> list[str]:
        return [one.name for one in (self.manager.config.parent / "jobs").glob("*")]


def processes(folder: Path, manager: Manager) -> list[str]:
    """Whatever was started for the runner at home in `folder`, but for itself."""
    found, wanted = [], f"HOME={folder}".encode()
    own = manager.process.pid if manager.process is not None else 0
    for place in Path("/proc").iterdir():
        if not place.name.isdigit() or int(place.name) == own:
            continue
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{place.name}: {words}")
        except OSError:
            continue
    return found
