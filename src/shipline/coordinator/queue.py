"""The hand-out of jobs to runners."""

from __future__ import annotations

import logging
import zlib

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from shipline.coordinator import matching, pending, tokens
from shipline.coordinator.cross_needs import MissingDependency
from shipline.coordinator.deployments import why_outdated
from shipline.coordinator.features import unsupported
from shipline.coordinator.handed import Handed
from shipline.coordinator.handing_out import facts_of_job
from shipline.coordinator.job_payload import JobFacts, notices, payload
from shipline.coordinator.jobs import give_up
from shipline.coordinator.matching import Waiting
from shipline.coordinator.models import Job, Runner, RunnerManager
from shipline.coordinator.progress import advance_pipeline, change_status, definition_of, job_began, tell
from shipline.coordinator.runners import Caller, facts_of
from shipline.coordinator.stored import Unreadable
from shipline.model.definition import JobDefinition
from shipline.model.status import JobStatus
from shipline.pipeline.deployments import OUTDATED


class Unready(Exception):
    """A job that cannot be handed out, whoever asks."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.pk}")
        self.job = job


class TooLate(Exception):
    """A job that would deploy something older than what is there by now."""

    def __init__(self, job: Job, reason: str) -> None:
        super().__init__(f"job {job.pk}: {reason}")
        self.job, self.reason = job, reason


def take_job_after_waiting(caller: Caller) -> Handed:
    """While it waited somebody may have paused the runner, given it tags, or deleted it."""
    runner = Runner.objects.filter(pk=caller.runner.pk).first()
    return Handed() if runner is None else take_job(Caller(runner, caller.manager))


def take_job(caller: Caller) -> Handed:
    """Give the first pending job that the runner may take, to this manager of it alone. The caller has just been
    read."""
    runner = caller.runner
    first = list(pending.first_of_each())
    if not first:
        return Handed(nobody_waits=True)
    demands = _demands_for(runner, first)
    for demand in demands:
        while True:
            try:
                with transaction.atomic():
                    job = pending.lock_first(demand)
                    if job is None:
                        break
                    facts = _hand_out(job, runner, caller.manager, demands)
            except Unready as error:
                # It must not stand at the head of the queue for ever, with all others behind it.
                _give_up(error)
                continue
            except TooLate as error:
                give_up(error.job, OUTDATED, error.reason)
                continue
            if facts is not None:
                return Handed(payload(facts))
    # Jobs that others had in their hands may come back when those fail: the runner asks again at once.
    return Handed(conflict=any(pending.of_demand(demand).exists() for demand in demands))


def _give_up(error: Unready) -> None:
    cause = error.__cause__
    if isinstance(cause, MissingDependency):
        give_up(error.job, "missing_dependency_failure", str(cause))
        return
    logging.getLogger(__name__).error("job %s cannot be handed out: %s", error.job.pk, cause)
    give_up(error.job, "scheduler_failure", "what it needs of earlier jobs cannot be read")


def _demands_for(runner: Runner, found: list[tuple[str, Waiting]]) -> list[str]:
    """What this runner may take, in its order. Read without a lock: who asks in vain holds up nobody. All jobs of
    one demand are alike to it, so it is enough to look at the first of each."""
    first = {waiting.id: (demand, waiting) for demand, waiting in found}
    projects = {waiting.project_id for _, waiting in first.values()}
    # Which project comes first is a question only when there are several.
    running = running_on_instance_runners() if len(projects) > 1 else {}
    ordered = matching.queue_for(facts_of(runner), (waiting for _, waiting in first.values()), running)
    return [first[waiting.id][0] for waiting in ordered]


def running_on_instance_runners() -> dict[int, int]:
    """Project -> how many of its jobs instance runners run."""
    rows = Job.objects.filter(status=JobStatus.RUNNING, runner__runner_type=matching.INSTANCE)
    return dict(rows.order_by().values_list("project_id").annotate(Count("pk")))


def _hand_out(job: Job, runner: Runner, manager: RunnerManager, demands: list[str]) -> JobFacts | None:
    """None when this runner cannot do what the job needs: then the job has failed, as with GitLab."""
    definition = definition_of(job)
    if _fails_for_lack_of_features(job, definition, manager):
        return None
    if why := why_outdated(job):
        raise TooLate(job, why)
    token = tokens.fresh(tokens.JOB)
    two_phases = manager.features.get("two_phase_job_commit") is True
    now = timezone.now()
    if not two_phases:
        job.started_at = now
    try:
        # How many wait is counted before this one is taken from among them.
        size = pending.count(demands)
        facts = facts_of_job(job, definition, runner, manager, token, queue_size=size, queue_depth=0)
    except (OSError, EOFError, zlib.error, Unreadable, MissingDependency) as error:
        raise Unready(job) from error
    given = {"runner": runner, "runner_manager": manager, "token_hash": tokens.digest(token)}
    given["notices"] = notices(facts)
    if two_phases:
        # It stays pending until the manager says that it runs it: see jobs.py.
        for name, value in given.items():
            setattr(job, name, value)
        job.reason, job.contacted_at = f"runner {runner.pk} makes itself ready for it", now
        job.save(update_fields=[*given, "reason", "contacted_at"])
        tell(f"pipeline:{job.pipeline_id}", f"job:{job.pk}")
    else:
        change_status(job, JobStatus.RUNNING, f"runner {runner.pk} has it", **given)
        job_began(job)
    return facts


def _fails_for_lack_of_features(job: Job, definition: JobDefinition, manager: RunnerManager) -> bool:
    merge_request = job.pipeline.ref_type == "merge_request"
    lacking = unsupported(definition, merge_request, manager.features)
    if not lacking:
        return False
    reason = f"the runner that took it lacks {', '.join(lacking)}: update it, or keep the job from it by tags"
    job.notices = [f"This job cannot run: {reason}."]
    change_status(job, JobStatus.FAILED, reason, failure_reason="runner_unsupported")
    advance_pipeline(job.pipeline_id)
    tell(f"job:{job.pk}")
    return True
