"""The hand-out of jobs to runners."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from shipline.coordinator import matching, tokens
from shipline.coordinator.artifacts import Unreadable
from shipline.coordinator.features import unsupported
from shipline.coordinator.handing_out import facts_of_job
from shipline.coordinator.job_payload import JobFacts, notices, payload
from shipline.coordinator.jobs import give_up
from shipline.coordinator.matching import Waiting
from shipline.coordinator.models import Job, Runner, RunnerManager
from shipline.coordinator.progress import advance_pipeline, change_status, definition_of, tell
from shipline.coordinator.runners import Caller, facts_of
from shipline.model.definition import JobDefinition
from shipline.model.status import JobStatus
from shipline.protocols import runner_api as api


@dataclass(frozen=True, slots=True)
class Handed:
    """What a runner gets. `conflict`: there were jobs for it, and others were quicker with every one."""

    payload: api.JobPayload | None = None
    conflict: bool = False


class Unready(Exception):
    """A job that cannot be handed out, whoever asks."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.pk}")
        self.job = job


def take_job(caller: Caller) -> Handed:
    """Give the first pending job that the runner may take, to this manager of it alone."""
    # As it is now: while it waited somebody may have paused it, or given it tags.
    runner = Runner.objects.filter(pk=caller.runner.pk).first()
    if runner is None:
        return Handed()
    waiting = _waiting_for(runner)
    lost = 0
    for depth, found in enumerate(waiting):
        try:
            with transaction.atomic():
                job = _lock_pending(found.id)
                if job is None:
                    lost += 1
                    continue
                facts = _hand_out(job, runner, caller.manager, waiting, depth)
        except Unready as error:
            # It must not stand at the head of the queue for ever, with all others behind it.
            logging.getLogger(__name__).error(
                "job %s cannot be handed out: %s", error.job.pk, error.__cause__
            )
            give_up(error.job, "scheduler_failure", "what it needs of earlier jobs cannot be read")
            continue
        if facts is not None:
            return Handed(payload(facts))
    return Handed(conflict=bool(lost) and lost == len(waiting))


def _waiting_for(runner: Runner) -> Sequence[Waiting]:
    """However many jobs wait before them for another runner. Read without a lock: who asks in vain holds up
    nobody."""
    rows = Job.objects.filter(status=JobStatus.PENDING, runner_manager=None)
    if runner.runner_type != matching.INSTANCE:
        rows = rows.filter(project__in=runner.projects.all())
    names = ("pk", "project_id", "definition__tags", "pipeline__protected", "pipeline__ref")
    pending = (
        Waiting(pk, project_id, tuple(tags or ()), protected, ref)
        for pk, project_id, tags, protected, ref in rows.order_by("id").values_list(*names).iterator()
    )
    return matching.queue_for(facts_of(runner), pending, running_on_instance_runners())


def running_on_instance_runners() -> dict[int, int]:
    """Project -> how many of its jobs instance runners run."""
    rows = Job.objects.filter(status=JobStatus.RUNNING, runner__runner_type=matching.INSTANCE)
    return dict(rows.order_by().values_list("project_id").annotate(Count("pk")))


def _lock_pending(job_id: int) -> Job | None:
    related = Job.objects.select_related("pipeline", "project", "pipeline__user")
    rows = related.select_for_update(of=("self",))
    return rows.filter(pk=job_id, status=JobStatus.PENDING, runner_manager=None).first()


def _hand_out(
    job: Job, runner: Runner, manager: RunnerManager, waiting: Sequence[Waiting], depth: int
) -> JobFacts | None:
    """None when this runner cannot do what the job needs: then the job has failed, as with GitLab."""
    definition = definition_of(job)
    if _fails_for_lack_of_features(job, definition, manager):
        return None
    token = tokens.fresh(tokens.JOB)
    given = {"runner": runner, "runner_manager": manager, "token_hash": tokens.digest(token)}
    if manager.features.get("two_phase_job_commit") is True:
        # It stays pending until the manager says that it runs it: see jobs.py.
        for name, value in given.items():
            setattr(job, name, value)
        job.reason, job.contacted_at = f"runner {runner.pk} makes itself ready for it", timezone.now()
        job.save(update_fields=[*given, "reason", "contacted_at"])
    else:
        change_status(job, JobStatus.RUNNING, f"runner {runner.pk} has it", **given)
    try:
        facts = facts_of_job(job, definition, runner, token, queue_size=len(waiting), queue_depth=depth)
    except (OSError, EOFError, zlib.error, Unreadable) as error:
        raise Unready(job) from error
    job.notices = notices(facts)
    job.save(update_fields=["notices"])
    # The pipeline runs now too.
    advance_pipeline(job.pipeline_id)
    tell(f"job:{job.pk}")
    return facts


def _fails_for_lack_of_features(job: Job, definition: JobDefinition, manager: RunnerManager) -> bool:
    merge_request = job.pipeline.source == "merge_request_event"
    lacking = unsupported(definition, merge_request, manager.features)
    if not lacking:
        return False
    reason = f"the runner that took it lacks {', '.join(lacking)}: update it, or keep the job from it by tags"
    job.notices = [f"This job cannot run: {reason}."]
    change_status(job, JobStatus.FAILED, reason, failure_reason="runner_unsupported")
    advance_pipeline(job.pipeline_id)
    tell(f"job:{job.pk}")
    return True
