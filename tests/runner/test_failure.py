"""Which error ends a job how."""

from __future__ import annotations

import pytest

from shipline.errors import (
    EngineError,
    EngineUnavailable,
    ImageAccessDenied,
    ImageNotFound,
    ImagePullFailed,
    ProtocolError,
    ShiplineError,
    UsageError,
)
from shipline.runner.failure import Result, known_reason, result_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImageNotFound("manifest unknown"), "runner_configuration_error"),
        (ImageAccessDenied("denied"), "runner_configuration_error"),
        (ProtocolError("invalid image name"), "runner_configuration_error"),
        (
            ImagePullFailed("dial tcp 1.2.3.4:443: connect: connection refused"),
            "runner_external_dependency_failure",
        ),
        (ImagePullFailed("lookup x: no such host"), "runner_external_dependency_failure"),
        (ImagePullFailed("net/http: TLS handshake timeout"), "runner_external_dependency_failure"),
        (ImagePullFailed("read: connection reset by peer"), "runner_external_dependency_failure"),
        (
            ImagePullFailed("x509: certificate signed by unknown authority"),
            "runner_external_dependency_failure",
        ),
        (ImagePullFailed("no space left on device"), "image_pull_failure"),
        (EngineUnavailable("gone"), "runner_system_failure"),
        (EngineError("creating: conflict"), "runner_system_failure"),
        (UsageError("[runners.docker] cpus"), "runner_system_failure"),
    ],
)
def test_an_error_has_its_reason(error: ShiplineError, reason: str) -> None:
    found = result_of(error)
    assert (found.failure_reason, found.message) == (reason, str(error))


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Result(), "success"),
        (Result("script_failure", 1), "failed"),
        (Result("job_canceled"), "canceled"),
        (Result("job_execution_timeout", timed_out=True), "timedout"),
    ],
)
def test_the_jobs_status_is_told_to_what_runs_after_it(result: Result, status: str) -> None:
    assert result.job_status == status


@pytest.mark.parametrize(
    ("reason", "known", "told"),
    [
        ("", [], ""),
        ("script_failure", [], "script_failure"),
        ("job_canceled", ["job_canceled"], "job_canceled"),
        ("job_canceled", [], "unknown_failure"),
        ("image_pull_failure", [], "runner_system_failure"),
        ("runner_configuration_error", [], "script_failure"),
        ("runner_external_dependency_failure", [], "runner_system_failure"),
        (
            "runner_external_dependency_failure",
            ["runner_external_dependency_failure"],
            "runner_external_dependency_failure",
        ),
    ],
)
def test_a_coordinator_hears_of_no_reason_that_it_does_not_know(
    reason: str, known: list[str], told: str
) -> None:
    assert known_reason(reason, known) == told
