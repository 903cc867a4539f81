"""Use cases around a job in a runner's hands: hand out, log, status, artifacts."""

from __future__ import annotations

import gzip
import logging
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from shipline.coordinator import tokens
from shipline.coordinator.job_payload import JobFacts, notices, payload
from shipline.coordinator.models import Job, JobArtifact, Runner
from shipline.coordinator.pipelines import (
    advance_pipeline,
    change_status,
    definition_of,
    lock,
    predefined_of,
    tell,
)
from shipline.coordinator.projects import settings_variables
from shipline.coordinator.services import services
from shipline.model.definition import JobDefinition
from shipline.model.duration import parse_duration
from shipline.model.status import FINISHED, JobStatus
from shipline.model.variable import Variable
from shipline.protocols import runner_api as api

TRACE_LIMIT = 100 * 1024 * 1024
ARTIFACT_LIMIT = 1024 * 1024 * 1024
DOTENV_LIMIT = 5 * 1024
DOTENV_VARIABLES = 150
EXIT_CODES = 1 << 31
DEFAULT_EXPIRY = timedelta(days=30)
# A runner tells something at least every 30 s; after this long it is taken for dead.
SILENCE_LIMIT = timedelta(minutes=10)
FAILURE_REASONS = frozenset(
    {
        "unknown_failure", "script_failure", "runner_system_failure", "job_execution_timeout",
        "image_pull_failure", "runner_configuration_error", "runner_external_dependency_failure",
        "runner_interrupted", "job_canceled", "stuck_or_timeout_failure", "trace_size_exceeded",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """An HTTP status with GitLab's message."""

    status: int
    message: str


def matches(runner: Runner, job_tags: Iterable[str], project_id: int, protected: bool) -> bool:
    """May this runner take such a job?"""
    tags = set(job_tags)
    if runner.paused or (runner.project_id is not None and runner.project_id != project_id):
        return False
    if runner.protected_only and not protected:
        return False
    return tags <= set(runner.tags) and (bool(tags) or runner.run_untagged)


def take_job(runner_id: int) -> api.JobPayload | None:
    """Give the oldest pending job that the runner may take, to it alone."""
    while True:
        try:
            with transaction.atomic():
                facts = _take(runner_id)
            return payload(facts) if facts else None
        except Unready as error:
            # It must not stand at the head of the queue for ever, with all others behind it.
            logging.getLogger(__name__).error(
                "job %s cannot be handed out: %s", error.job.pk, error.__cause__
            )
            _give_up(error.job, "scheduler_failure", "what it needs of earlier jobs cannot be read")


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
    except (OSError, EOFError, zlib.error) as error:
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
    sources = _sources(job, definition)
    return JobFacts(
        id=job.pk,
        token=token,
        definition=definition,
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
        settings=tuple(settings_variables(project)),
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


def _sources(job: Job, definition: JobDefinition) -> list[JobArtifact]:
    """Artifacts that this job gets: of its needs, of its dependencies, or of all earlier stages."""
    found = (
        JobArtifact.objects.select_related("job")
        .filter(job__pipeline=job.pipeline_id, job__retried=False)
        .exclude(job=job.pk)
        .order_by("job_id")
    )
    if definition.dependencies is not None:
        found = found.filter(job__name__in=definition.dependencies)
    elif definition.needs is not None:
        found = found.filter(job__name__in=[need.job for need in definition.needs if need.artifacts])
    else:
        found = found.filter(job__stage_index__lt=job.stage_index)
    return list(found)


def _unpack_dotenv(path: Path) -> bytes:
    """No more of it than tells that it is too large: a small stream may hold a great deal."""
    with gzip.open(path) as file:
        return file.read(DOTENV_LIMIT + 1)


_DOTENV = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII)


def read_dotenv(artifact: JobArtifact) -> list[Variable]:
    """The variables of a dotenv report."""
    text = _unpack_dotenv(services().data.coordinator / "artifacts" / artifact.file)
    found = []
    for line in text.decode(errors="replace").splitlines():
        if match := _DOTENV.fullmatch(line.strip()):
            value = match[2].strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found.append(Variable(match[1], value, raw=True))
    return found


def job_for_runner(job_id: int, token: str) -> Job:
    """The running job, for its runner. A finished one is told as 403, with its status."""
    job = Job.objects.filter(pk=job_id, token_hash=tokens.digest(token)).first() if token else None
    if job is None:
        raise Refusal(403, "403 Forbidden")
    return job


def is_live(job: Job) -> bool:
    return job.status in (JobStatus.RUNNING, JobStatus.CANCELING)


def trace_path(job_id: int) -> Path:
    return services().data.coordinator / "traces" / f"{job_id}.log"


def append_trace(job: Job, start: int, content: bytes) -> int:
    """Add to the log what the runner sends from offset `start`; answers the new size. Raises Refusal 416
    (its size is the job's) when it does not fit, 403 when the log would be too large."""
    with transaction.atomic():
        locked = lock(job)
        if not is_live(locked):
            raise _over(locked)
        if start != locked.trace_size:
            job.trace_size = locked.trace_size
            raise Refusal(416, "416 Range Not Satisfiable")
        if start + len(content) > TRACE_LIMIT:
            change_status(
                locked, JobStatus.FAILED, "its log is too large", failure_reason="trace_size_exceeded"
            )
            advance_pipeline(job.pipeline_id)
        else:
            with trace_path(job.pk).open("ab") as file:
                # What a crash left behind the last size that was answered is not part of the log.
                file.truncate(start)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            locked.trace_size = job.trace_size = start + len(content)
            locked.contacted_at = timezone.now()
            locked.save(update_fields=["trace_size", "contacted_at"])
        tell(f"job:{job.pk}")
    if locked.failure_reason == "trace_size_exceeded":
        raise Refusal(403, "403 Forbidden - the job's log exceeded the limit")
    return locked.trace_size


def read_trace(job: Job, start: int = 0, limit: int = TRACE_LIMIT) -> bytes:
    """The log as its runner sent it."""
    try:
        with trace_path(job.pk).open("rb") as file:
            file.seek(start)
            return file.read(min(limit, max(0, job.trace_size - start)))
    except FileNotFoundError:
        return b""


def notice_lines(job: Job) -> bytes:
    """Our own lines, which stand before the log wherever it is shown."""
    return "".join(f"\x1b[33;1m{line}\x1b[0;m\n" for line in job.notices).encode()


def update_job(job_id: int, token: str, update: api.JobUpdate) -> Job:
    """What the runner says of the job's state. Raises Refusal."""
    job = job_for_runner(job_id, token)
    if not is_live(job):
        raise _over(job)
    if update.state in ("running", ""):
        job.contacted_at = timezone.now()
        job.save(update_fields=["contacted_at"])
        return job
    if update.exit_code is not None and not -EXIT_CODES <= update.exit_code < EXIT_CODES:
        raise Refusal(400, "400 Bad request - exit_code is not one that a program can have")
    if update.state == "success":
        _finish(job, JobStatus.SUCCESS, "")
    elif update.state == "failed":
        reason = update.failure_reason or "unknown_failure"
        reason = reason if reason in FAILURE_REASONS else "unknown_failure"
        _finish(job, JobStatus.FAILED, reason, update.exit_code)
    else:
        raise Refusal(400, "400 Bad request - state is not one that a runner may set")
    return job


def _over(job: Job) -> Refusal:
    return Refusal(403, f"403 Forbidden - Job is not running: {job.status}")


def _finish(job: Job, status: JobStatus, failure_reason: str, exit_code: int | None = None) -> None:
    with transaction.atomic():
        locked = lock(job)
        if not is_live(locked):
            raise _over(locked)
        if locked.status == JobStatus.CANCELING:
            status = JobStatus.CANCELED
        reason = "" if status is JobStatus.SUCCESS else failure_reason.replace("_", " ")
        if exit_code is not None and exit_code in definition_of(locked).allow_failure_exit_codes:
            locked.allow_failure = True
        change_status(locked, status, reason, failure_reason=failure_reason, exit_code=exit_code)
        job.status = locked.status
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def sweep() -> float | None:
    """Fail jobs whose runner is silent or that run too long, start delayed ones that are due, delete
    artifacts that have expired. Called at intervals."""
    now = timezone.now()
    for job in Job.objects.filter(status__in=(JobStatus.RUNNING, JobStatus.CANCELING)):
        if job.contacted_at and now - job.contacted_at > SILENCE_LIMIT:
            _give_up(job, "stuck_or_timeout_failure", "its runner fell silent")
        elif job.started_at and now - job.started_at > timedelta(seconds=job.timeout) + SILENCE_LIMIT:
            _give_up(job, "job_execution_timeout", "it ran too long")
    for pipeline in set(
        Job.objects.filter(status=JobStatus.SCHEDULED, scheduled_at__lte=now).values_list(
            "pipeline", flat=True
        )
    ):
        advance_pipeline(pipeline)
    for artifact in JobArtifact.objects.filter(expire_at__lt=now):
        (services().data.coordinator / "artifacts" / artifact.file).unlink(missing_ok=True)
        artifact.delete()
    return None


def _give_up(job: Job, failure_reason: str, reason: str) -> None:
    with transaction.atomic():
        locked = lock(job)
        if locked.status in FINISHED:
            return
        status = JobStatus.CANCELED if locked.status == JobStatus.CANCELING else JobStatus.FAILED
        change_status(locked, status, reason, failure_reason=failure_reason)
        advance_pipeline(job.pipeline_id)
        tell(f"job:{job.pk}")


def store_artifact(
    job: Job,
    source: Path,
    *,
    file_type: str,
    file_format: str,
    filename: str,
    size: int,
    sha256: str,
    expire_in: str,
) -> JobArtifact:
    """Take over a file that was received whole and is on disk. Raises Refusal 400 when the job has one of
    that type."""
    if file_type == "dotenv":
        _check_dotenv(source, file_format)
    folder = Path(str(job.project_id)) / str(job.pk)
    relative = folder / f"{file_type}.{file_format}"
    target = services().data.coordinator / "artifacts" / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        # From here on nobody else stores one of the same type: neither the row nor the file is another's.
        locked = lock(job)
        if not is_live(locked):
            raise _over(locked)
        existing = JobArtifact.objects.filter(job=job, file_type=file_type).first()
        if existing is not None:
            if existing.sha256 == sha256:
                return existing
            raise Refusal(400, "400 Bad request - another artifact of the same type already exists")
        source.replace(target)
        _sync(target.parent)
        return JobArtifact.objects.create(
            job=job,
            file_type=file_type,
            file_format=file_format,
            filename=filename,
            file=str(relative),
            size=size,
            sha256=sha256,
            expire_at=_expiry(expire_in),
        )


def _sync(folder: Path) -> None:
    """A file's name is on disk only when its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _check_dotenv(path: Path, file_format: str) -> None:
    """What is wrong with it is told to the job that made it, not to those that depend on it."""
    if file_format != "gzip":
        raise Refusal(400, "400 Bad request - a dotenv artifact's format is gzip")
    try:
        text = _unpack_dotenv(path)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(400, "400 Bad request - the dotenv artifact is no gzip stream") from error
    if len(text) > DOTENV_LIMIT:
        raise Refusal(400, f"400 Bad request - dotenv artifact is larger than {DOTENV_LIMIT} bytes")
    if len(text.splitlines()) > DOTENV_VARIABLES:
        raise Refusal(400, f"400 Bad request - dotenv artifact has more than {DOTENV_VARIABLES} variables")


def _expiry(expire_in: str) -> datetime | None:
    if expire_in == "never":
        return None
    try:
        seconds = parse_duration(expire_in) if expire_in else None
        return timezone.now() + (timedelta(seconds=seconds) if seconds else DEFAULT_EXPIRY)
    except OverflowError:
        # Later than any date is never.
        return None


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
