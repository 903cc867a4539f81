"""How fast a long queue gets into runners' hands, and through them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench.coordinators import (
    Asked,
    Json,
    Runner,
    Running,
    Say,
    another,
    connected,
    coordinator,
    project,
    runners,
)
from bench.table import Figure

JOBS, PIPELINES, RUNNERS = 10_000, 50, 50
# Jobs in a second.
AIMS = {"SQLite": 150.0, "PostgreSQL": 300.0}
LIMIT_SECONDS = 600.0


def figures(database: str, say: Say, jobs: int = JOBS, pipelines: int = PIPELINES) -> list[Figure]:
    with coordinator(database, say) as running:
        found = drained([running], database, say, jobs, pipelines)
    if database == "PostgreSQL":
        with coordinator(database, say) as running, another(running) as other:
            found += drained([running, other], f"{database}, two coordinators", say, jobs, pipelines)
    return found


def drained(several: Sequence[Running], database: str, say: Say, jobs: int, pipelines: int) -> list[Figure]:
    """First every job is handed out, then every job succeeds: the two halves of a runner's work, timed one by
    one. No job may come twice, and none may stay."""
    running = several[0]
    queue(running, jobs, pipelines, say)
    say(f"{database}: {RUNNERS} runners take {jobs:,} jobs")
    # Runners are spread over the coordinators, and stay with theirs.
    tokens = runners(running, RUNNERS)
    asked = [(several[number % len(several)].port, token) for number, token in enumerate(tokens)]
    used = sum(one.processor_seconds() for one in several)
    taken, seconds = asyncio.run(_taken(asked, jobs))
    used = sum(one.processor_seconds() for one in several) - used
    if len(taken) != jobs or len({job["id"] for job in taken}) != jobs:
        raise RuntimeError(
            f"{len(taken)} jobs were handed out, {len({job['id'] for job in taken})} different"
        )
    ended = asyncio.run(_ended(asked, taken))
    with running.client() as client:
        left = client.get("projects/1/pipelines", params={"status": "success", "per_page": 100}).json()
    if len([one for one in left if one["status"] == "success"]) != min(pipelines, 100):
        raise RuntimeError("not every pipeline succeeded")
    name = f"{jobs:,} queued jobs in {pipelines} pipelines, {RUNNERS} runners, {database}"
    return [
        Figure(
            f"hand-out: {name}", (jobs / seconds,), AIMS[database.partition(",")[0]], unit="jobs/s", at_least=True,
            note=f"CPU {used / jobs * 1000:.2f} ms a job",
        ),
        Figure(f"their success: {name}", (jobs / ended,), unit="jobs/s", at_least=True),
    ]  # fmt: skip


def queue(running: Running, jobs: int, pipelines: int, say: Say) -> int:
    """So many pending jobs, by the public interface; answers the project's id."""
    each = jobs // pipelines
    number = project(running, {".gitlab-ci.yml": configuration(each)})
    say(f"Creating {pipelines} pipelines of {each} jobs")
    with running.client() as client:
        for _ in range(pipelines):
            client.post(f"projects/{number}/pipeline", json={"ref": "main"}).raise_for_status()
    return number


def configuration(jobs: int) -> str:
    """So many jobs of one stage, with what jobs usually have."""
    job = (
        "job {number}:\n  image: python:3.11-slim\n  variables: {{LEVEL: '{number}'}}\n"
        "  script:\n    - pip install -r requirements.txt\n    - pytest\n"
    )
    return "".join(job.format(number=number) for number in range(jobs))


async def _taken(asked: Asked, jobs: int) -> tuple[list[Json], float]:
    taken: list[Json] = []
    deadline = time.monotonic() + LIMIT_SECONDS

    async def take(runner: Runner) -> None:
        while len(taken) < jobs and time.monotonic() < deadline:
            # A runner that has no word of the queue yet is answered at once.
            runner.last_update = ""
            if job := await runner.request():
                taken.append({"id": job["id"], "token": job["token"]})

    async with connected(asked) as found:
        begun = time.monotonic()
        await asyncio.gather(*(take(runner) for runner in found))
        return taken, time.monotonic() - begun


async def _ended(asked: Asked, taken: list[Json]) -> float:
    waiting = list(taken)

    async def end(runner: Runner) -> None:
        while waiting:
            await runner.succeed(waiting.pop())

    async with connected(asked) as found:
        begun = time.monotonic()
        await asyncio.gather(*(end(runner) for runner in found))
        return time.monotonic() - begun
