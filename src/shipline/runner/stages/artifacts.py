"""Artifacts of the jobs before, and the job's own."""

from __future__ import annotations

from typing import Any

from shipline.protocols.runner_api import JobArtifact
from shipline.runner.failure import JobFailed, Result
from shipline.runner.stages.context import Context


async def download(context: Context) -> None:
    """Raises JobFailed when one cannot be had."""
    wanted = [one for one in context.payload.dependencies if one.artifacts_file is not None]
    if not wanted:
        return
    asked = {
        "root": context.folders.project,
        "tls": context.tls,
        "dependencies": [
            {
                "url": f"{context.api}/jobs/{one.id}/artifacts",
                "token": one.token,
                "id": one.id,
                "name": one.name,
            }
            for one in wanted
        ],
    }

    async def attempt(_number: int) -> int:
        return await context.executor.helper("download", asked, context.trace.write)

    with context.part("download_artifacts", "Downloading artifacts"):
        code = await context.attempted("ARTIFACT_DOWNLOAD_ATTEMPTS", "Downloading artifacts", attempt)
    if code:
        names = ", ".join(one.name for one in wanted)
        raise JobFailed(Result("runner_system_failure", message=f"artifacts could not be had (of: {names})"))


async def upload(context: Context, result: Result) -> Result:
    """The job's result with the artifacts' own: one that cannot be sent fails a job that was good so far."""
    good = not result.failure_reason
    wanted = [one for one in context.payload.artifacts if is_wanted(one.when, good)]
    if not wanted:
        return result
    outcome = "success" if good else "failure"
    word = "successful" if good else "failed"
    with context.part(f"upload_artifacts_on_{outcome}", f"Uploading artifacts for {word} job"):
        code = await context.executor.helper("upload", upload_request(context, wanted), context.trace.write)
    if good and code:
        return Result("script_failure", code, f"exit code {code}")
    return result


def upload_request(context: Context, wanted: list[JobArtifact]) -> dict[str, Any]:
    expand = context.variables.expand
    return {
        "url": f"{context.api}/jobs/{context.payload.id}/artifacts",
        "token": context.payload.token,
        "root": context.folders.project,
        "tls": context.tls,
        "level": context.variables.get("ARTIFACT_COMPRESSION_LEVEL"),
        "entries": [
            {
                "name": expand(one.name),
                "type": one.artifact_type,
                "format": one.artifact_format,
                "paths": [expand(path) for path in one.paths],
                "exclude": [expand(path) for path in one.exclude],
                "untracked": one.untracked,
                "expire_in": expand(one.expire_in),
            }
            for one in wanted
        ],
    }


def is_wanted(when: str, good: bool) -> bool:
    """`when` of an artifact or a cache, for a job that was good or not."""
    return when == "always" or (when or "on_success") == ("on_success" if good else "on_failure")
