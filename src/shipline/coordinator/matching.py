"""Which runner may take which job, and why one waits."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.coordinator.models import Job, Runner
from shipline.coordinator.progress import definition_of


def matches(runner: Runner, job_tags: Iterable[str], project_id: int, protected: bool) -> bool:
    """May this runner take such a job?"""
    tags = set(job_tags)
    if runner.paused or (runner.project_id is not None and runner.project_id != project_id):
        return False
    if runner.protected_only and not protected:
        return False
    return tags <= set(runner.tags) and (bool(tags) or runner.run_untagged)


def why_waiting(job: Job, runners: Iterable[Runner]) -> str:
    """Why a pending job is not running yet, told by the very rule that hands it out."""
    tags, protected = definition_of(job).tags, job.pipeline.protected
    serving = [runner for runner in runners if runner.project_id in (None, job.project_id)]
    if not serving:
        return "no runner serves this project"
    if all(runner.paused for runner in serving):
        return "every runner of this project is paused"
    if any(matches(runner, tags, job.project_id, protected) for runner in serving):
        return "waiting for a free runner"
    if all(runner.protected_only or runner.paused for runner in serving) and not protected:
        return f"its runners take only jobs of protected branches, and {job.pipeline.ref} is not one"
    return (
        f"no runner has all of its tags: {', '.join(tags)}" if tags else "no runner takes jobs without tags"
    )
