"""How a job ends, and which error means which end. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.errors import (
    EngineError,
    ImageAccessDenied,
    ImageNotFound,
    ImagePullFailed,
    ProtocolError,
    ShiplineError,
)

# What the engine says when it cannot reach a registry at all; another time it may.
_UNREACHABLE = (
    "connection refused", "connection reset", "no such host", "timeout", "timed out", "tls:", "x509:",
    "network is unreachable", "no route to host", "server misbehaving", "unexpected eof", "i/o timeout",
    "dial tcp", "deadline exceeded", "service unavailable", "bad gateway",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """`failure_reason` empty is success. `timed_out`: its script took longer than it may."""

    failure_reason: str = ""
    exit_code: int | None = None
    message: str = ""
    timed_out: bool = False

    @property
    def job_status(self) -> str:
        """CI_JOB_STATUS, as what runs after the script sees it."""
        if self.timed_out:
            return "timedout"
        return {"": "success", "job_canceled": "canceled"}.get(self.failure_reason, "failed")


class JobFailed(Exception):
    """Ends the job; its stages need not go on."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.message)
        self.result = result


def misconfigured(message: str) -> JobFailed:
    """Somebody has to change the job or the runner's config; trying again does not help."""
    return JobFailed(Result("runner_configuration_error", message=message))


def is_unreachable(reason: str) -> bool:
    """Whether the network, not the registry's answer, is why an image could not be pulled."""
    lowered = reason.lower()
    return any(word in lowered for word in _UNREACHABLE)


def result_of(error: ShiplineError) -> Result:
    match error:
        case ImageNotFound() | ImageAccessDenied() | ProtocolError():
            reason = "runner_configuration_error"
        case ImagePullFailed() if is_unreachable(str(error)):
            reason = "runner_external_dependency_failure"
        case ImagePullFailed():
            reason = "image_pull_failure"
        case EngineError():
            reason = "runner_system_failure"
        case _:
            reason = "runner_system_failure"
    return Result(reason, message=str(error))


_ALWAYS_KNOWN = ("script_failure", "runner_system_failure", "job_execution_timeout")
_NEXT_BEST = {
    "image_pull_failure": "runner_system_failure",
    "runner_configuration_error": "script_failure",
    "runner_external_dependency_failure": "runner_system_failure",
}


def known_reason(reason: str, known: list[str]) -> str:
    """Coordinators say which reasons they know; for others there is the next best one."""
    if not reason or reason in _ALWAYS_KNOWN or reason in known:
        return reason
    return _NEXT_BEST.get(reason, "unknown_failure")
