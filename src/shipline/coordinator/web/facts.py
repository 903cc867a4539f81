"""What the pages say of pipelines and jobs: values for the templates, out of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.safestring import SafeString

from shipline.coordinator import artifacts, protections, runners
from shipline.coordinator.definitions import definition_of
from shipline.coordinator.matching import RunnerFacts
from shipline.coordinator.models import Job, Pipeline
from shipline.coordinator.sweep_plan import NOT_BEGUN
from shipline.coordinator.web import environment_facts, relations
from shipline.coordinator.web.job_tests import job_tests, tests_sums
from shipline.coordinator.web.pipeline_lists import look_of, pipeline_took, superseded_by
from shipline.coordinator.web.times import took
from shipline.model.status import FINISHED, PIPELINE_FINISHED, JobStatus
from shipline.pipeline import JobState, PipelineState
from shipline.pipeline.awaited import awaited, told

# A pipeline of more jobs than these does not fit a screen: then what failed is named above all of them, and the page
# of a job lists the jobs of its stage only.
ALL_SHOWN, SIBLINGS_SHOWN, FAILED_NAMED = 30, 60, 10

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


@dataclass(frozen=True, slots=True)
class ShownJob:
    """`look` is the class of its colour; `why` says why it has its status, where that is worth a word. `started`
    are the pipelines of a trigger job."""

    job: Job
    look: str
    why: str
    took: SafeString | str
    started: Sequence[relations.Link] = ()


def look(job: Job) -> str:
    return look_of(job.status, allow_failure=job.allow_failure)


def shown(job: Job, serving: Iterable[RunnerFacts], started: Sequence[relations.Link] = ()) -> ShownJob:
    return ShownJob(job, look(job), why(job, serving), took(job.started_at, job.finished_at), started)


def why(job: Job, serving: Iterable[RunnerFacts]) -> str:
    """A sentence without its full stop, or nothing."""
    match JobStatus(job.status):
        case JobStatus.CREATED:
            return "Waits for what comes before it"
        case JobStatus.RUNNING | JobStatus.SUCCESS if job.bridge:
            return _sentence(job.reason)
        case JobStatus.PENDING if job.reason == NOT_BEGUN and job.runner_manager_id is None:
            return _sentence(f"{NOT_BEGUN}; {runners.reason_of(job, serving)}")
        case JobStatus.RUNNING | JobStatus.SCHEDULED | JobStatus.SUCCESS:
            return ""
        case JobStatus.SKIPPED:
            # The reason may begin with the name of a job, which is not ours to spell.
            return f"Because {job.reason}" if job.reason else ""
        case JobStatus.FAILED:
            code = "" if job.exit_code is None else f", exit code {job.exit_code}"
            allowed = "; it may fail, the pipeline goes on" if job.allow_failure else ""
            return _sentence(f"{job.reason}{code}{allowed}")
    return _sentence(runners.reason_of(job, serving))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def may_act(user: User | AnonymousUser, pipeline: Pipeline) -> bool:
    """Start, retry and cancel: who may push to its branch may do so."""
    return protections.may_run(user, pipeline)


def current_jobs(pipeline: Pipeline) -> list[Job]:
    """The newest attempts, in the order of the configuration: a retried job keeps its place."""
    found = list(pipeline.jobs.select_related("pipeline").order_by("stage_index", "id"))
    places: dict[str, int] = {}
    for place, job in enumerate(found):
        places.setdefault(job.name, place)
    return sorted((job for job in found if not job.retried), key=lambda job: places[job.name])


def _by_stage(pipeline: Pipeline, found: Sequence[Job]) -> list[tuple[str, list[Job]]]:
    stages = ((stage, [job for job in found if job.stage == stage]) for stage in pipeline.stages)
    return [(stage, of_stage) for stage, of_stage in stages if of_stage]


def pipeline_facts(pipeline: Pipeline, user: User | AnonymousUser) -> dict[str, Any]:
    found = current_jobs(pipeline)
    serving = runners.serving(found)
    live = pipeline.status not in PIPELINE_FINISHED
    failed = [job for job in found if look(job) == "failed"]
    started = relations.started_by(found, user)
    return {
        "title": f"{pipeline.status}: #{pipeline.pk} {pipeline.title or pipeline.ref} · {pipeline.project.name}",
        "pipeline": pipeline,
        "project": pipeline.project,
        "stages": [
            (stage, [shown(job, serving, started.get(job.pk, ())) for job in of_stage])
            for stage, of_stage in _by_stage(pipeline, found)
        ],
        "failed": failed[:FAILED_NAMED] if len(found) > ALL_SHOWN else (),
        "more_failed": max(0, len(failed) - FAILED_NAMED),
        "superseded_by": superseded_by(pipeline),
        "tests_sums": tests_sums(pipeline),
        "origin": relations.origin(pipeline, user),
        "left_out": relations.left_out(pipeline),
        "bars": bars(pipeline, found),
        "took": pipeline_took(pipeline),
        "live": live,
        "may_cancel": live and may_act(user, pipeline),
    }


def bars(pipeline: Pipeline, found: Iterable[Job]) -> list[dict[str, Any]]:
    """One bar per job that has run: where in the pipeline's time it lies, in percent."""
    ran = [job for job in found if job.started_at]
    if not ran:
        return []
    now, begun = timezone.now(), pipeline.created_at
    whole = max((max(job.finished_at or now for job in ran) - begun).total_seconds(), 0.1)
    rows = []
    for job in ran:
        start, finish = job.started_at or begun, job.finished_at or now
        left = min((start - begun).total_seconds() / whole * 100, 99.5)
        width = max((finish - start).total_seconds() / whole * 100, 0.5)
        rows.append(
            {
                "job": job,
                "look": look(job),
                "left": f"{left:.2f}%",
                "width": f"{min(width, 100 - left):.2f}%",
                "took": took(job.started_at, job.finished_at),
            }
        )
    return rows


def job_facts(job: Job, user: User | AnonymousUser) -> dict[str, Any]:
    """Everything that the page of a job says, but for the log."""
    siblings = current_jobs(job.pipeline)
    seen = siblings if len(siblings) <= ALL_SHOWN else [one for one in siblings if one.stage == job.stage]
    status, acts = JobStatus(job.status), may_act(user, job.pipeline)
    over = status in FINISHED
    return {
        "title": f"{job.status}: {job.name} · #{job.pipeline_id} · {job.project.name}",
        "job": job,
        "project": job.project,
        "pipeline": job.pipeline,
        "shown": shown(job, runners.serving([job]), relations.started_by([job], user).get(job.pk, ())),
        "image": (job.definition.get("image") or {}).get("name", ""),
        "services": [service["name"] for service in job.definition.get("services", [])],
        "tags": job.definition.get("tags", []),
        "queued": took(job.queued_at, job.started_at)
        if job.started_at or status is JobStatus.PENDING
        else "",
        "siblings": [(other, look(other)) for other in seen[:SIBLINGS_SHOWN]],
        "not_shown": len(siblings) - len(seen[:SIBLINGS_SHOWN]),
        "awaited": _awaited(job, siblings) if status is JobStatus.CREATED else "",
        "attempts": [(other, look(other)) for other in _attempts(job)],
        "newer": next((other for other in siblings if job.retried and other.name == job.name), None),
        "artifacts": job.artifacts.filter(accessibility__in=artifacts.accessible_to(user, job.project)),
        "tests": job_tests(job, user),
        "over": over,
        "may_play": acts and status is JobStatus.MANUAL,
        "may_retry": acts and over and status is not JobStatus.SKIPPED and not job.retried,
        "may_cancel": acts and not over and status is not JobStatus.CANCELING,
    } | environment_facts.job_facts(job)


def _awaited(job: Job, siblings: Iterable[Job]) -> str:
    """What it waits for, by name."""
    jobs = {one.pk: _short_state(one) for one in siblings}
    if job.pk not in jobs:
        return ""
    return _sentence(told(awaited(PipelineState(tuple(jobs.values())), jobs[job.pk])))


def _short_state(job: Job) -> JobState:
    """As far as it decides what waits for what."""
    status, needs = JobStatus(job.status), definition_of(job).needs
    return JobState(job.pk, job.name, job.stage_index, status, allow_failure=job.allow_failure, needs=needs)


def _attempts(job: Job) -> list[Job]:
    """All of them, when there is more than one."""
    found = list(job.pipeline.jobs.filter(name=job.name).order_by("id"))
    return found if len(found) > 1 else []
