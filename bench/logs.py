"""Logs from many jobs at once, and every byte of them compared afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import time

from bench.coordinators import Json, Runner, Running, Say, connected, coordinator, runners
from bench.drain import queue
from bench.table import Figure

JOBS, PIECE, PIECES = 20, 256 * 1024, 80
# Megabytes (2^20 bytes) in a second, of all jobs together.
AIM = 20.0
LIMIT_SECONDS = 300.0


def figures(database: str, say: Say, jobs: int = JOBS, pieces: int = PIECES) -> list[Figure]:
    with coordinator(database, say) as running:
        project_id = queue(running, jobs, 1, say)
        say(f"{database}: {jobs} jobs send {pieces} pieces of {PIECE >> 10} KiB each")
        begun, used = time.monotonic(), running.processor_seconds()
        sent = asyncio.run(_sent(running, runners(running, jobs), pieces))
        seconds, used = time.monotonic() - begun, running.processor_seconds() - used
        with running.client() as client:
            for job, digest in sent.items():
                stored = client.get(f"projects/{project_id}/jobs/{job}/trace").raise_for_status().content
                # What stands before a log is the coordinator's own.
                if hashlib.sha256(stored[-pieces * PIECE :]).hexdigest() != digest:
                    raise RuntimeError(f"the log of job {job} is not what was sent")
    megabytes = len(sent) * pieces * PIECE / (1 << 20)
    return [
        Figure(
            f"logs of {jobs} jobs at once, {database}", (megabytes / seconds,), AIM, unit="MB/s", at_least=True,
            note=f"{megabytes:.0f} MB, every byte there; CPU {used / megabytes * 1000:.0f} ms a MB",
        )
    ]  # fmt: skip


async def _sent(running: Running, tokens: list[str], pieces: int) -> dict[int, str]:
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        connected([(running.port, token) for token in tokens]) as found,
    ):

        async def one(runner: Runner) -> tuple[int, str]:
            job: Json | None = None
            while job is None:
                job = await runner.request()
            digest = hashlib.sha256()
            for number in range(pieces):
                line = f"{job['id']} {number} ".encode()
                content = (line * (PIECE // len(line) + 1))[: PIECE - 1] + b"\n"
                digest.update(content)
                start = number * PIECE
                status, _, said = await runner.connection.call(
                    "PATCH", f"/api/v4/jobs/{job['id']}/trace", content,
                    {
                        "JOB-TOKEN": job["token"], "Content-Type": "text/plain",
                        "Content-Range": f"{start}-{start + PIECE - 1}",
                    },
                )  # fmt: skip
                if status != 202:
                    raise RuntimeError(f"PATCH trace: {status} {said[:200]!r}")
            await runner.succeed(job)
            return int(job["id"]), digest.hexdigest()

        return dict(await asyncio.gather(*(one(runner) for runner in found)))
