"""What a job needs of the runner that gets it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shipline.model.definition import JobDefinition

# GitLab's table: the member of `info.features`, and which jobs need it. A release needs nothing of the runner
# here: the coordinator makes it (job_releases.py).
_NEEDED: Mapping[str, Callable[[JobDefinition], object]] = {
    "upload_multiple_artifacts": lambda job: (
        job.artifacts and (job.artifacts.reports or job.artifacts.coverage_report)
    ),
    "artifacts_exclude": lambda job: job.artifacts and job.artifacts.exclude,
    "return_exit_code": lambda job: job.allow_failure_exit_codes or job.retry.exit_codes,
    "fallback_cache_keys": lambda job: any(cache.fallback_keys for cache in job.cache),
    "vault_secrets": lambda job: job.secrets,
    "native_steps_integration": lambda job: job.run,
}


def unsupported(job: JobDefinition, merge_request: bool, features: Mapping[str, object]) -> tuple[str, ...]:
    """The features that the job needs and a runner with these `features` lacks. Refs of merge requests need a
    runner that fetches what it is told."""
    needed = [name for name, wanted in _NEEDED.items() if wanted(job)]
    if merge_request:
        needed.append("refspecs")
    return tuple(name for name in needed if features.get(name) is not True)
