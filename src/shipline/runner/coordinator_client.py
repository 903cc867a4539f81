"""The runner's half of the Runner API: calls over HTTP, with the retries that the protocol asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from shipline.errors import RemoteError
from shipline.protocols import runner_api as api
from shipline.version import __version__

LONG_POLL_SECONDS = 75.0
TRIES = 5
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
BODY_LIMIT = 8 * 1024 * 1024

FEATURES = api.RunnerFeatures(
    variables=True, image=True, services=True, artifacts=True, upload_multiple_artifacts=True,
    upload_raw_artifacts=True, refspecs=True, masking=True, raw_variables=True, artifacts_exclude=True,
    multi_build_steps=True, return_exit_code=True, trace_reset=True, trace_checksum=True, trace_size=True,
    cancelable=True, cancel_gracefully=True, service_variables=True, service_multiple_aliases=True,
)  # fmt: skip
INFO = api.RunnerVersionInfo(  # noqa: S604 - no process is started; it names the shell that jobs get
    name="shipline",
    version=__version__,
    platform="linux",
    architecture="amd64",
    executor="docker",
    shell="bash",
    features=FEATURES,
)


@dataclass(frozen=True, slots=True)
class Polled:
    """`healthy` False: the coordinator did not accept us. `last_update` goes into the next question; empty, the
    answer to that comes at once."""

    job: api.JobPayload | None
    last_update: str
    healthy: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a trace or status call came to. `job_status` is the header Job-Status, `size` the log's size."""

    status: int
    job_status: str
    size: int | None = None
    interval: float | None = None

    @property
    def over(self) -> bool:
        """The job is not ours any more."""
        return self.status in (401, 403, 404) or self.job_status in ("canceled", "failed")


def backoff(attempt: int, headers: httpx.Headers, now: float) -> float:
    """Seconds before try number `attempt` + 1: what the server says, else doubling from 0.1 s to 60 s."""
    reset = headers.get("RateLimit-ResetTime")
    if reset:
        try:
            return max(0.0, min(60.0, parsedate_to_datetime(reset).timestamp() - now))
        except (ValueError, TypeError):
            pass
    after = headers.get("Retry-After", "")
    if after.isdigit():
        return min(60.0, float(after))
    return min(60.0, 0.1 * 2.0 ** min(attempt, 20))


class CoordinatorClient:
    """One coordinator, one runner token. Close it with `async with`."""

    def __init__(self, url: str, token: str, system_id: str, now: Callable[[], float]) -> None:
        self._token, self._system_id, self._now = token, system_id, now
        base = url.rstrip("/").removesuffix("/ci") + "/api/v4/"
        self._client = httpx.AsyncClient(
            base_url=base, timeout=httpx.Timeout(30, read=LONG_POLL_SECONDS), trust_env=False,
            headers={"User-Agent": f"shipline-runner {__version__}", "Accept": "application/json"},
            limits=httpx.Limits(max_connections=None),
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def request_job(self, last_update: str) -> Polled:
        """One poll. Raises RemoteError when the coordinator cannot be reached or speaks nonsense."""
        asked = api.JobRequest(
            token=self._token, system_id=self._system_id, last_update=last_update, info=INFO
        )
        try:
            answer = await self._client.post("jobs/request", content=asked.model_dump_json(), headers=_JSON)
        except httpx.TransportError as error:
            raise RemoteError(
                f"The coordinator cannot be reached: {type(error).__name__} {error}."
            ) from error
        version = answer.headers.get("X-GitLab-Last-Update", last_update)
        if answer.status_code == 201:
            try:
                # Where one job was there may be more: the next question must not wait for the queue to change.
                return Polled(api.JobPayload.model_validate_json(answer.content), "")
            except ValidationError as error:
                fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:5])
                raise RemoteError(f"The coordinator sent a job that is not understood: {fields}.") from None
        if answer.status_code in (403, 422):
            return Polled(None, version, healthy=False)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise RemoteError(f"The coordinator answered {answer.status_code}.")
        return Polled(None, version)

    async def send_trace(self, job: int, token: str, start: int, content: bytes) -> Answer:
        headers = {
            "JOB-TOKEN": token,
            "Content-Type": "text/plain",
            "Content-Range": f"{start}-{start + len(content) - 1}",
        }
        answer = await self._send("PATCH", f"jobs/{job}/trace?debug_trace=false", headers, content)
        size = answer.headers.get("Range", "").rpartition("-")[2]
        interval = answer.headers.get("X-GitLab-Trace-Update-Interval", "")
        return Answer(
            answer.status_code,
            answer.headers.get("Job-Status", ""),
            int(size) if size.isdigit() else None,
            float(interval) if interval.isdigit() else None,
        )

    async def update_job(self, job: int, token: str, update: api.JobUpdate) -> Answer:
        body = update.model_copy(update={"token": token, "info": INFO}).model_dump_json(exclude_none=True)
        headers = {"JOB-TOKEN": token, **_JSON}
        answer = await self._send("PUT", f"jobs/{job}", headers, body.encode())
        interval = answer.headers.get("X-GitLab-Trace-Update-Interval", "")
        return Answer(
            answer.status_code,
            answer.headers.get("Job-Status", ""),
            interval=float(interval) if interval.isdigit() else None,
        )

    async def _send(self, method: str, path: str, headers: dict[str, str], content: bytes) -> httpx.Response:
        """With retries. Raises RemoteError after the last."""
        problem = ""
        for attempt in range(TRIES):
            waited: Any = httpx.Headers()
            try:
                answer = await self._client.request(method, path, headers=headers, content=content)
                if answer.status_code not in RETRIED:
                    return answer
                problem, waited = f"answered {answer.status_code}", answer.headers
            except httpx.TransportError as error:
                problem = f"cannot be reached: {type(error).__name__}"
            if attempt + 1 < TRIES:
                await asyncio.sleep(backoff(attempt, waited, self._now()))
        raise RemoteError(f"The coordinator {problem} ({method} {path.partition('?')[0]}).")


_JSON = {"Content-Type": "application/json"}
