"""What a person waits for at the shell: whole commands, cold, each a process of its own."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.configurations import configuration
from bench.table import Figure

# Jobs in a file, with the seconds that its compilation should stay under.
SIZES = ((58, 0.3), (1_000, 0.6), (5_000, 2.5))
VERSION_AIM = 0.15
RATIO_AIM = 5.5
PEER = "gitlab-ci-local"
PEER_SECONDS = 180.0
Say = Callable[[str], None]


def figures(runs: int, say: Say) -> list[Figure]:
    """shipline and, where it is installed, gitlab-ci-local over the same files, one after the other."""
    shipline = str(Path(sys.executable).with_name("shipline"))
    peer = shutil.which(PEER)
    say(
        f"Measuring, {runs} times each" + ("" if peer else f"; {PEER} is not installed here, so not measured")
    )
    found = [_figure("shipline --version", [shipline, "--version"], Path.cwd(), runs, VERSION_AIM)]
    by_size: dict[int, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="shipline-bench-") as temporary:
        for jobs, aim in SIZES:
            folder = _repository(Path(temporary) / str(jobs), configuration(jobs))
            for words in (["lint"], ["list"], ["lint", "--format", "json"]):
                name = f"shipline {' '.join(words)}, {jobs:,} jobs"
                figure = _figure(name, [shipline, *words], folder, runs, aim)
                found.append(figure)
                by_size.setdefault(jobs, figure)
            found.append(_peer(peer, jobs, folder, runs, say))
    found.append(_ratio(by_size))
    return found


def _ratio(by_size: dict[int, Figure]) -> Figure:
    """How much dearer five times the jobs are. Least times, because a busy machine only ever adds to them."""
    few, many = by_size[1_000], by_size[5_000]
    ratio = min(many.seconds) / min(few.seconds)
    return Figure("shipline lint, 5,000 jobs over 1,000", (ratio,), RATIO_AIM, unit="x")


def _peer(peer: str | None, jobs: int, folder: Path, runs: int, say: Say) -> Figure:
    name = f"{PEER} --list, {jobs:,} jobs"
    if peer is None:
        return Figure(name, (), note="not installed here")
    say(f"{PEER}, {jobs:,} jobs")
    # It grows faster than its files; the large ones are run once.
    times = runs if jobs < 1_000 else 1
    try:
        return _figure(name, [peer, "--list"], folder, times)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return Figure(name, (), note=f"did not end well: {type(error).__name__}")


def _repository(folder: Path, text: str) -> Path:
    """A git repository with one commit: both programs ask git about it."""
    folder.mkdir()
    (folder / ".gitlab-ci.yml").write_text(text)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", "git@gitlab.example.com:group/app.git"],
        ["add", "."],
        ["commit", "--quiet", "--message", "bench"],
    ):
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
    return folder


def _figure(name: str, words: Sequence[str], folder: Path, runs: int, aim: float | None = None) -> Figure:
    """After one run that warms the caches of the file system and of Python's own code. The note has the least
    time of processors: on a busy machine that says more than the clock."""
    seconds, work = [], []
    for number in range(runs + 1):
        before, begun = _processor_time(), time.perf_counter()
        subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PEER_SECONDS,
            check=True,
        )
        if number:
            seconds.append(time.perf_counter() - begun)
            work.append(_processor_time() - before)
    return Figure(name, tuple(seconds), aim, note=f"CPU {min(work):.2f} s")


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
