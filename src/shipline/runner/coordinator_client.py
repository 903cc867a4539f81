"""The runner's half of the Runner API's calls about jobs: asking for one, telling of its log and its end."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from shipline.errors import RemoteError
from shipline.protocols import runner_api as api
from shipline.runner.http import JSON, Api, Observe, backoff, told_wait
from shipline.runner.tls import NO_TLS, Tls
from shipline.version import __version__

__all__ = ["FEATURES", "Answer", "CoordinatorClient", "Polled", "backoff", "info"]

FEATURES = api.RunnerFeatures(
    variables=True, image=True, services=True, artifacts=True, upload_multiple_artifacts=True,
    upload_raw_artifacts=True, refspecs=True, masking=True, raw_variables=True, artifacts_exclude=True,
    multi_build_steps=True, return_exit_code=True, trace_reset=True, trace_checksum=True, trace_size=True,
    cancelable=True, cancel_gracefully=True, service_variables=True, service_multiple_aliases=True,
    cache=True, fallback_cache_keys=True, image_executor_opts=True, service_executor_opts=True,
    two_phase_job_commit=True,
)  # fmt: skip
# What needs containers.
_NOT_IN_A_SHELL = (
    "image", "services", "service_variables", "service_multiple_aliases", "image_executor_opts",
    "service_executor_opts",
)  # fmt: skip
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def info(executor: str = "docker", shell: str = "bash") -> api.RunnerVersionInfo:
    """What a coordinator is told of this runner. `executor` and `shell` are those that jobs get."""
    return api.RunnerVersionInfo(
        name="shipline",
        version=__version__,
        platform=platform.system().lower(),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        executor=executor,
        shell=shell,
        features=FEATURES.model_copy(update=dict.fromkeys(_NOT_IN_A_SHELL, False))
        if executor == "shell"
        else FEATURES,
    )


@dataclass(frozen=True, slots=True)
class Polled:
    """`healthy` False: the coordinator did not accept us. `last_update` goes into the next question; empty, the
    answer to that comes at once. `wait`: seconds before it wants to be asked again, if it said. `status` is
    HTTP's."""

    job: api.JobPayload | None
    last_update: str
    healthy: bool = True
    wait: float | None = None
    status: int = 0


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


class NotUnderstood(RemoteError):
    """A job was handed out, and nobody can run it. `job` and `token` are what is known of it."""

    code = "not_understood"

    def __init__(self, message: str, job: int, token: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.job, self.token = job, token


def _not_understood(content: bytes, fields: str) -> RemoteError:
    message = f"The coordinator sent a job that is not understood: {fields}."
    hint = "A newer version of shipline may know what it says."
    try:
        found = json.loads(content)
        job, token = found["id"], found["token"]
    except (ValueError, KeyError, TypeError):
        return RemoteError(message, hint=hint)
    if type(job) is not int or not isinstance(token, str):
        return RemoteError(message, hint=hint)
    return NotUnderstood(message, job, token, hint=hint)


class CoordinatorClient:
    """One coordinator, one runner token. Close it with `async with`."""

    def __init__(
        self,
        url: str,
        token: str,
        system_id: str,
        now: Callable[[], float],
        *,
        about: api.RunnerVersionInfo | None = None,
        tls: Tls = NO_TLS,
        observe: Observe = lambda _call, _status: None,
    ) -> None:
        self.token = token
        self._system_id, self._now = system_id, now
        self._info = about or info()
        self._api = Api(url, now, tls, observe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.__aexit__(kind, error, trace)

    async def request_job(self, last_update: str) -> Polled:
        """One question. Raises RemoteError when the coordinator cannot be reached or speaks nonsense."""
        asked = api.JobRequest(
            token=self.token, system_id=self._system_id, last_update=last_update, info=self._info
        )
        headers = {"RUNNER-TOKEN": self.token, **JSON}
        answer = await self._api.call(
            "request_job", "POST", "jobs/request", headers=headers, content=asked.model_dump_json(), tries=1
        )
        version = answer.headers.get("X-GitLab-Last-Update", last_update)
        status = answer.status_code
        if status == 201:
            try:
                # Where one job was there may be more: the next question must not wait for the queue to change.
                return Polled(api.JobPayload.model_validate_json(answer.content), "")
            except ValidationError as error:
                fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:5])
                raise _not_understood(answer.content, fields) from None
        if status == 429:
            return Polled(None, version, wait=backoff(0, answer.headers, self._now()))
        if status >= 500:
            wait = told_wait(answer.headers, self._now())
            if wait is None:
                raise RemoteError(f"The coordinator answered {status}.")
            return Polled(None, version, wait=wait)
        # 409: another runner was quicker. Anything else that is no success says that something is wrong with us.
        return Polled(None, version, healthy=status in (200, 204, 409), status=status)

    async def send_trace(
        self, job: int, token: str, start: int, content: bytes, *, debug: bool = False
    ) -> Answer:
        """`debug`: what may hold secrets, and is shown to developers alone."""
        headers = {
            "JOB-TOKEN": token,
            "Content-Type": "text/plain",
            "Content-Range": f"{start}-{start + len(content) - 1}",
        }
        path = f"jobs/{job}/trace?debug_trace={str(debug).lower()}"
        answer = await self._api.call("patch_trace", "PATCH", path, headers=headers, content=content)
        size = answer.headers.get("Range", "").rpartition("-")[2]
        return Answer(
            answer.status_code,
            answer.headers.get("Job-Status", ""),
            int(size) if size.isdigit() else None,
            _interval(answer.headers.get("X-GitLab-Trace-Update-Interval", "")),
        )

    async def update_job(self, job: int, token: str, update: api.JobUpdate) -> Answer:
        body = update.model_copy(update={"token": token, "info": self._info})
        headers = {"JOB-TOKEN": token, **JSON}
        content = body.model_dump_json(exclude_none=True)
        answer = await self._api.call("update_job", "PUT", f"jobs/{job}", headers=headers, content=content)
        return Answer(
            answer.status_code,
            answer.headers.get("Job-Status", ""),
            interval=_interval(answer.headers.get("X-GitLab-Trace-Update-Interval", "")),
        )


def _interval(text: str) -> float | None:
    return float(text) if text.isdigit() else None
