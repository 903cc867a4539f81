"""Pipelines as somebody sees them who waits for their end."""

from __future__ import annotations

from collections.abc import Iterable

from shipline.coordinator import runners
from shipline.coordinator.job_variables import hidden, secrets_of, values_of
from shipline.coordinator.matching import FREE, RunnerFacts
from shipline.coordinator.models import Job, JobArtifact, JobTestReport, Pipeline
from shipline.coordinator.progress import definition_of
from shipline.coordinator.push_report import Seen, SeenJob, tail_of
from shipline.coordinator.services import services
from shipline.coordinator.stored import read_dotenv
from shipline.coordinator.test_reports import cases_in
from shipline.coordinator.traces import read_trace
from shipline.model.expansion import expand
from shipline.protocols.junit.report import TestCase

TAIL_BYTES = 16 * 1024
TESTS_NAMED = 10


def look_at(project_id: int, pipeline_id: int) -> Seen | None:
    """None when it is not there, or another project's."""
    rows = Pipeline.objects.select_related("project").filter(pk=pipeline_id, project=project_id)
    pipeline = rows.first()
    if pipeline is None:
        return None
    base = f"{services().config.coordinator.external_url}/{pipeline.project.path_with_namespace}/-"
    seconds = None
    if pipeline.finished_at is not None:
        seconds = (pipeline.finished_at - pipeline.created_at).total_seconds()
    rows_of_jobs = Job.objects.select_related("project", "pipeline").filter(pipeline=pipeline, retried=False)
    jobs = list(rows_of_jobs.order_by("stage_index", "id"))
    serving = runners.serving(jobs)
    seen = tuple(_job(job, base, serving) for job in jobs)
    return Seen(pipeline.pk, pipeline.status, f"{base}/pipelines/{pipeline.pk}", seconds, seen)


def _job(job: Job, base: str, serving: Iterable[RunnerFacts]) -> SeenJob:
    definition = definition_of(job)
    seconds = (
        (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    )
    code = f", exit code {job.exit_code}" if job.exit_code is not None and job.status == "failed" else ""
    allowed = job.allow_failure or (
        job.exit_code is not None and job.exit_code in definition.allow_failure_exit_codes
    )
    why = runners.reason_of(job, serving)
    environment, address = "", ""
    failed_tests, tests_failed = _tests(job) if job.status == "failed" else ((), 0)
    if job.status == "success" and definition.environment is not None:
        environment, address = _environment(job)
    return SeenJob(
        job.name,
        job.stage,
        job.status,
        seconds,
        "" if why in (FREE, runners.GETS_READY) else why + code,
        allowed,
        f"{base}/jobs/{job.pk}",
        _tail(job) if job.status == "failed" else (),
        environment,
        address,
        failed_tests,
        tests_failed,
    )


def _tests(job: Job) -> tuple[tuple[str, ...], int]:
    """The first names of what failed, and how many did. Who has pushed may have every report but those for nobody."""
    row = JobTestReport.objects.filter(job=job).first()
    if row is None:
        return (), 0
    cases = cases_in(row)[:TESTS_NAMED] if row.accessibility in ("public", "private") else ()
    return tuple(_name(case) for case in cases), row.failed + row.error


def _name(case: TestCase) -> str:
    where = f"{case.classname}: " if case.classname else ""
    message = case.message.strip().partition("\n")[0]
    return f"{where}{case.name}{': ' if message else ''}{message}"


def _tail(job: Job) -> tuple[str, ...]:
    lines = tail_of(read_trace(job, max(0, job.trace_size - TAIL_BYTES)))
    return lines or tuple(str(line) for line in job.notices[-10:])


def _environment(job: Job) -> tuple[str, str]:
    """Name and address; the job may have told the address itself, in a dotenv report."""
    environment = definition_of(job).environment
    if environment is None or environment.action != "start":
        return "", ""
    values = values_of(job, definition_of(job))
    own: Iterable[JobArtifact] = JobArtifact.objects.filter(job=job, file_type="dotenv")
    for artifact in own:
        values |= {variable.key: variable.value for variable in read_dotenv(artifact)}
    name, secrets = expand(environment.name, values.get), secrets_of(job)
    address = expand(environment.url or "", {**values, "CI_ENVIRONMENT_NAME": name}.get)
    return hidden(name, secrets), hidden(address, secrets)
