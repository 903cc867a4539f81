"""What a job needs of its runner."""

from __future__ import annotations

import pytest

from shipline.coordinator.features import unsupported
from shipline.model.definition import Artifacts, Cache, CoverageReport, JobDefinition, Release, Retry


def job(**members: object) -> JobDefinition:
    return JobDefinition(name="test", stage="test", script=("echo",), **members)  # type: ignore[arg-type]


REPORTS = Artifacts(reports=(("junit", ("a.xml",)),))


@pytest.mark.parametrize(
    ("definition", "feature"),
    [
        (job(artifacts=REPORTS), "upload_multiple_artifacts"),
        (
            job(artifacts=Artifacts(coverage_report=CoverageReport("cobertura", "a"))),
            "upload_multiple_artifacts",
        ),
        (job(artifacts=Artifacts(paths=("a",), exclude=("b",))), "artifacts_exclude"),
        (job(allow_failure_exit_codes=(3,)), "return_exit_code"),
        (job(retry=Retry(1, exit_codes=(3,))), "return_exit_code"),
        (job(cache=(Cache(paths=("a",), fallback_keys=("b",)),)), "fallback_cache_keys"),
        (job(secrets={"A": {}}), "vault_secrets"),
        (job(run=({"step": "x"},)), "native_steps_integration"),
    ],
)
def test_a_runner_without_what_the_job_needs_cannot_run_it(definition: JobDefinition, feature: str) -> None:
    assert unsupported(definition, merge_request=False, features={}) == (feature,)
    assert unsupported(definition, merge_request=False, features={feature: False}) == (feature,)
    assert unsupported(definition, merge_request=False, features={feature: "yes"}) == (feature,)
    assert unsupported(definition, merge_request=False, features={feature: True}) == ()


def test_a_release_needs_nothing_of_the_runner() -> None:
    assert unsupported(job(release=Release("v1", "One")), merge_request=False, features={}) == ()


def test_a_merge_request_needs_a_runner_that_fetches_what_it_is_told() -> None:
    assert unsupported(job(), merge_request=True, features={}) == ("refspecs",)
    assert unsupported(job(), merge_request=False, features={}) == ()


def test_all_that_is_lacking_is_named() -> None:
    found = unsupported(job(artifacts=REPORTS, secrets={"A": {}}), merge_request=True, features={})
    assert found == ("upload_multiple_artifacts", "vault_secrets", "refspecs")
