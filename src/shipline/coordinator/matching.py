"""Which runner may take which job, in which order, and why one waits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

INSTANCE, GROUP, PROJECT = "instance_type", "group_type", "project_type"
FREE = "waiting for a free runner"


@dataclass(frozen=True, slots=True)
class RunnerFacts:
    """What decides which jobs a runner gets. `projects` counts for those of groups and projects. `online`: it was
    heard of lately; one that asks is, so that this only tells why a job waits."""

    runner_type: str = INSTANCE
    projects: frozenset[int] = frozenset()
    tags: frozenset[str] = frozenset()
    run_untagged: bool = True
    protected_only: bool = False
    paused: bool = False
    online: bool = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pending job. `protected`: its ref is."""

    id: int
    project_id: int
    tags: tuple[str, ...] = ()
    protected: bool = False
    ref: str = ""


class Objection(StrEnum):
    """Why a runner does not take a job; the one further down is the nearer miss."""

    OTHER_PROJECT = "it serves other projects"
    PAUSED = "it is paused"
    NOT_PROTECTED = "it takes only jobs of protected branches"
    UNTAGGED = "it takes only jobs with tags"
    TAGS = "it lacks a tag"


def objection(runner: RunnerFacts, job: Waiting) -> Objection | None:
    """None when this runner may take this job. Everything that hands out jobs, or tells why one waits, asks
    here. A longer timeout than the runner's maximum is no objection: the runner's bounds it."""
    if runner.runner_type != INSTANCE and job.project_id not in runner.projects:
        return Objection.OTHER_PROJECT
    if runner.paused:
        return Objection.PAUSED
    if runner.protected_only and not job.protected:
        return Objection.NOT_PROTECTED
    if not job.tags and not runner.run_untagged:
        return Objection.UNTAGGED
    return None if runner.tags.issuperset(job.tags) else Objection.TAGS


def queue_for(
    runner: RunnerFacts, pending: Iterable[Waiting], running: Mapping[int, int]
) -> Sequence[Waiting]:
    """The jobs that this runner may take, first to last. `running` counts each project's jobs that run on
    instance runners: those runners serve the project with the fewest first, so that one which starts a hundred
    jobs does not hold up all others. A project's own runners take its jobs in order."""
    matching = [job for job in pending if objection(runner, job) is None]
    if runner.runner_type != INSTANCE:
        return sorted(matching, key=lambda job: job.id)
    return sorted(matching, key=lambda job: (running.get(job.project_id, 0), job.id))


def why_waiting(job: Waiting, runners: Iterable[RunnerFacts]) -> str:
    """Why a pending job is not running yet, told by the very rule that hands it out."""
    objections = [(objection(runner, job), runner) for runner in runners]
    found = {each for each, _ in objections if each is not Objection.OTHER_PROJECT}
    if not found:
        return "no runner serves this project"
    if None in found:
        online = any(runner.online for each, runner in objections if each is None)
        return FREE if online else "every runner that may take it is offline"
    if found == {Objection.PAUSED}:
        return "every runner of this project is paused"
    if found <= {Objection.PAUSED, Objection.NOT_PROTECTED}:
        return f"its runners take only jobs of protected branches, and {job.ref} is not one"
    tags = ", ".join(job.tags)
    return f"no runner has all of its tags: {tags}" if tags else "no runner takes jobs without tags"
