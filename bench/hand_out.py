"""From a job that becomes pending to the runner that has waited for it."""

from __future__ import annotations

import asyncio
import statistics
import time

import httpx

from bench.coordinators import Runner, Running, Say, connected, coordinator, project, runners
from bench.table import Figure

RUNNERS, JOBS = 200, 200
MEDIAN_AIM, TAIL_AIM = 0.050, 0.250
LIMIT_SECONDS = 300.0
CONFIG = "job:\n  when: manual\n  script: echo\n"


def figures(database: str, say: Say, jobs: int = JOBS, waiting: int = RUNNERS) -> list[Figure]:
    with coordinator(database, say) as running:
        return handed_out(running, database, say, jobs, waiting)


def handed_out(running: Running, database: str, say: Say, jobs: int, waiting: int) -> list[Figure]:
    """A manual job is started by its button's call; the clock runs from when that call is sent until the job is in
    a runner's hands, so the call itself is in the figure. One job at a time, to runners that all wait."""
    number = project(running, {".gitlab-ci.yml": CONFIG})
    tokens = runners(running, waiting)
    say(f"{database}: {jobs} jobs, one by one, to {waiting} runners that wait")
    with running.client() as client:
        ids = [_manual_job(client, number) for _ in range(jobs)]
    used = running.processor_seconds()
    seconds = sorted(asyncio.run(_measure(running, number, tokens, ids)))
    used = running.processor_seconds() - used
    tail = statistics.quantiles(seconds, n=100)[98]
    name = f"{waiting} runners wait, {database}"
    return [
        Figure(
            f"pending to handed out, median: {name}",
            tuple(seconds),
            MEDIAN_AIM,
            note=f"CPU {used / jobs * 1000:.0f} ms a job",
        ),
        Figure(f"pending to handed out, 99th percentile: {name}", (tail,), TAIL_AIM),
    ]


def _manual_job(client: httpx.Client, project_id: int) -> int:
    made = client.post(f"projects/{project_id}/pipeline", json={"ref": "main"}).raise_for_status().json()
    (job,) = client.get(f"projects/{project_id}/pipelines/{made['id']}/jobs").raise_for_status().json()
    return int(job["id"])


async def _measure(running: Running, project_id: int, tokens: list[str], ids: list[int]) -> list[float]:
    handed: dict[int, asyncio.Future[float]] = {
        one: asyncio.get_running_loop().create_future() for one in ids
    }

    async def wait(runner: Runner) -> None:
        while True:
            if job := await runner.request():
                handed[job["id"]].set_result(time.monotonic())
                await runner.succeed(job)

    async with (
        asyncio.timeout(LIMIT_SECONDS),
        connected([(running.port, token) for token in tokens]) as found,
        httpx.AsyncClient(
            base_url=f"{running.url}/api/v4/", headers={"PRIVATE-TOKEN": running.token}, trust_env=False
        ) as client,
    ):
        waiting = [asyncio.create_task(wait(runner)) for runner in found]
        await _settled(running)
        seconds = []
        for one in ids:
            begun = time.monotonic()
            answer = await client.post(f"projects/{project_id}/jobs/{one}/play")
            answer.raise_for_status()
            seconds.append(await handed[one] - begun)
            await _settled(running)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return seconds


async def _settled(running: Running) -> None:
    """All wait again: the coordinator has nothing to do, or nearly."""
    for _ in range(40):
        before = running.processor_seconds()
        await asyncio.sleep(0.1)
        if running.processor_seconds() - before < 0.03:
            return
