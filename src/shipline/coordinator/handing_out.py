"""Everything about a job at the moment it is handed out, read from rows, files and the repository."""

from __future__ import annotations

import time
from dataclasses import replace

from django.utils import timezone

from shipline.coordinator.cache_keys import key_files_of
from shipline.coordinator.cross_needs import artifacts_for
from shipline.coordinator.database import often
from shipline.coordinator.id_tokens import id_tokens
from shipline.coordinator.job_inputs import with_inputs, with_values
from shipline.coordinator.job_payload import JobFacts, variables
from shipline.coordinator.job_values import given_variables, job_environment
from shipline.coordinator.models import Job, Runner, RunnerManager
from shipline.coordinator.models.ci_settings import ci_settings_of
from shipline.coordinator.progress import predefined_of
from shipline.coordinator.services import services
from shipline.coordinator.stored import read_dotenv
from shipline.coordinator.variables import settings_variables
from shipline.model.definition import JobDefinition
from shipline.protocols import runner_api as api

COUNTED_RUNNING = 100
# The demands of one project lie beside one another in the index: ";" comes behind ":".
_COUNT_RUNNING = """
SELECT count(*) FROM (
    SELECT 1 FROM coordinator_job job JOIN coordinator_runner runner ON runner.id = job.runner_id
    WHERE job.status = 'running' AND job.demand >= %s AND job.demand < %s
        AND runner.runner_type = 'instance_type'
    LIMIT %s
) counted
"""


def facts_of_job(
    job: Job,
    definition: JobDefinition,
    runner: Runner,
    manager: RunnerManager,
    token: str,
    *,
    queue_size: int,
    queue_depth: int,
) -> JobFacts:
    """The job is about to be this manager's; its row does not say so yet. Raises OSError, EOFError, zlib.error or
    Unreadable when what earlier jobs left cannot be read, MissingDependency when other pipelines have not left
    what the job needs."""
    config = services().config
    pipeline, project = job.pipeline, job.project
    settings = ci_settings_of(project)
    sources = artifacts_for(job, definition)
    # An older runner does not look for inputs in what it gets.
    knows_inputs = manager.features.get("job_inputs") is True
    now = timezone.now()
    started = job.started_at or now
    waited = max(0, int((now - job.queued_at).total_seconds())) if job.queued_at else 0
    facts = JobFacts(
        id=job.pk,
        token=token,
        definition=(with_values if knows_inputs else with_inputs)(definition, job.inputs),
        pipeline_id=pipeline.pk,
        pipeline_iid=pipeline.iid,
        pipeline_name=pipeline.name,
        pipeline_created_at=pipeline.created_at.isoformat(timespec="seconds"),
        project_id=project.pk,
        project_path=project.path_with_namespace,
        ref=pipeline.ref,
        ref_type="tag" if pipeline.ref_type == "tag" else "branch",
        sha=pipeline.sha,
        before_sha=pipeline.before_sha,
        merge_request=pipeline.ref_type == "merge_request",
        protected=pipeline.protected,
        timeout=min(job.timeout, runner.maximum_timeout) if runner.maximum_timeout else job.timeout,
        depth=settings.default_git_depth,
        separated_caches=settings.separated_caches,
        allow_fetch=settings.build_git_strategy == "fetch",
        server_url=config.coordinator.external_url,
        registries=tuple(config.registry.for_engine()),
        predefined=predefined_of(pipeline),
        settings=(*settings_variables(project), *given_variables(job)),
        started_at=started.isoformat(timespec="seconds"),
        user_id=pipeline.user.pk if pipeline.user else None,
        user_login=pipeline.user.username if pipeline.user else "",
        user_name=(pipeline.user.first_name or pipeline.user.username) if pipeline.user else "",
        runner_id=runner.pk,
        runner_description=runner.description,
        runner_tags=tuple(runner.tags),
        instance_id=services().owner,
        queued_seconds=waited,
        queue_size=queue_size,
        queue_depth=queue_depth,
        running_on_instance_runners=_running(job) if runner.runner_type == "instance_type" else None,
        environment=job_environment(job, definition),
        resource_group=job.resource_group.key if job.resource_group is not None else None,
        cache_files=key_files_of(project.pk, pipeline.sha, definition.cache),
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
    if not definition.id_tokens:
        return facts
    tokens = id_tokens(job, definition, runner, facts.environment, variables(facts), facts.timeout)
    return replace(facts, id_tokens=tokens)


def _running(job: Job) -> int:
    """Runners are told a bucket, whose last is "more": so many are counted, and large numbers are rough."""
    project = job.project_id
    return services().counts.of(("running", project), time.monotonic(), lambda: _count_running(project))


def _count_running(project_id: int) -> int:
    with often() as cursor:
        cursor.execute(_COUNT_RUNNING, [f"{project_id}:", f"{project_id};", COUNTED_RUNNING])
        return int(cursor.fetchone()[0])
