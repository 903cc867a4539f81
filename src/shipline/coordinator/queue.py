"""The hand-out of jobs to runners."""

from __future__ import annotations

import logging
import zlib

from django.db import transaction
from django.utils import timezone

from shipline.coordinator import tokens
from shipline.coordinator.artifacts import read_dotenv
from shipline.coordinator.dependencies import MissingDependency, artifacts_for
from shipline.coordinator.job_inputs import values, with_inputs
from shipline.coordinator.job_payload import JobFacts, notices, payload
from shipline.coordinator.job_variables import given_variables
from shipline.coordinator.jobs import give_up
from shipline.coordinator.matching import matches
from shipline.coordinator.models import Job, Runner
from shipline.coordinator.progress import advance_pipeline, change_status, definition_of, predefined_of, tell
from shipline.coordinator.projects import settings_variables
from shipline.coordinator.services import services
from shipline.model.definition import JobDefinition
from shipline.model.status import JobStatus
from shipline.protocols import runner_api as api


def take_job(runner_id: int) -> api.JobPayload | None:
    """Give the oldest pending job that the runner may take, to it alone."""
    while True:
        try:
            with transaction.atomic():
                facts = _take(runner_id)
            return payload(facts) if facts else None
        except Unready as error:
            # It must not stand at the head of the queue for ever, with all others behind it.
            cause = error.__cause__
            if isinstance(cause, MissingDependency):
                give_up(error.job, "missing_dependency_failure", str(cause))
                continue
            logging.getLogger(__name__).error("job %s cannot be handed out: %s", error.job.pk, cause)
            give_up(error.job, "scheduler_failure", "what it needs of earlier jobs cannot be read")


class Unready(Exception):
    """A job that cannot be handed out, whoever asks."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.pk}")
        self.job = job


def _take(runner_id: int) -> JobFacts | None:
    runner = Runner.objects.get(pk=runner_id)
    job = _first_for(runner)
    if job is None:
        return None
    token = tokens.fresh(tokens.JOB)
    limit = min(job.timeout, runner.maximum_timeout) if runner.maximum_timeout else job.timeout
    change_status(
        job, JobStatus.RUNNING, f"runner {runner.pk} has it", runner=runner, token_hash=tokens.digest(token)
    )
    try:
        facts = _facts(job, definition_of(job), runner, token, limit)
    except (OSError, EOFError, zlib.error, MissingDependency) as error:
        raise Unready(job) from error
    job.notices = notices(facts)
    job.save(update_fields=["notices"])
    # The pipeline runs now too.
    advance_pipeline(job.pipeline_id)
    tell(f"job:{job.pk}")
    return facts


def _first_for(runner: Runner) -> Job | None:
    """However many jobs wait before it for another runner."""
    rows = Job.objects.filter(status=JobStatus.PENDING).order_by("id")
    names = ("pk", "definition__tags", "project_id", "pipeline__protected")
    for pk, tags, project_id, protected in rows.values_list(*names).iterator(chunk_size=500):
        if matches(runner, tags, project_id, protected):
            related = Job.objects.select_related("pipeline", "project", "pipeline__user")
            return related.select_for_update(of=("self",)).filter(pk=pk, status=JobStatus.PENDING).first()
    return None


def _facts(job: Job, definition: JobDefinition, runner: Runner, token: str, timeout: int) -> JobFacts:
    config = services().config
    pipeline, project = job.pipeline, job.project
    # An older runner does not look for inputs in what it gets.
    knows_inputs = bool(runner.info.get("features", {}).get("job_inputs"))
    sources = artifacts_for(job, definition)
    return JobFacts(
        id=job.pk,
        token=token,
        definition=definition if knows_inputs else with_inputs(definition, job.inputs),
        inputs=tuple(values(definition, job.inputs).items()) if knows_inputs else (),
        pipeline_id=pipeline.pk,
        pipeline_iid=pipeline.iid,
        project_id=project.pk,
        project_path=project.path_with_namespace,
        ref=pipeline.ref,
        ref_type=pipeline.ref_type,
        sha=pipeline.sha,
        before_sha=pipeline.before_sha,
        protected=pipeline.protected,
        timeout=timeout,
        server_url=config.coordinator.external_url,
        registries=tuple(config.registry.for_engine()),
        predefined=predefined_of(pipeline),
        settings=(*settings_variables(project), *given_variables(job)),
        started_at=(job.started_at or timezone.now()).isoformat(timespec="seconds"),
        user_id=pipeline.user.pk if pipeline.user else None,
        user_login=pipeline.user.username if pipeline.user else "",
        user_name=(pipeline.user.first_name or pipeline.user.username) if pipeline.user else "",
        runner_id=runner.pk,
        runner_description=runner.description,
        runner_tags=tuple(runner.tags),
        dependencies=tuple(
            api.JobDependency(
                id=artifact.job_id,
                name=artifact.job.name,
                token=token,
                artifacts_file=api.ArtifactsFile(filename=artifact.filename, size=artifact.size),
            )
            for artifact in sources
            if artifact.file_type == "archive"
        ),
        dotenv=tuple(
            variable
            for artifact in sources
            if artifact.file_type == "dotenv"
            for variable in read_dotenv(artifact)
        ),
    )
