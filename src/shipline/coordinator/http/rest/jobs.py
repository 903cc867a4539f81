"""Jobs, their logs and artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import actions, erasing, runners, traces
from shipline.coordinator.access import Ability
from shipline.coordinator.http import streams
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.entities import environment_basic
from shipline.coordinator.http.rest.lookup import find_project, me, page_of, reader
from shipline.coordinator.http.rest.pipelines import find_pipeline
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.job_inputs import InvalidInputs
from shipline.coordinator.matching import RunnerFacts
from shipline.coordinator.models import Job
from shipline.coordinator.permissions import NotAllowed, check_may_give, check_may_run_again
from shipline.coordinator.progress import RefusedChange
from shipline.coordinator.services import services
from shipline.coordinator.stored import trace_path
from shipline.model.status import JobStatus
from shipline.model.variable import Variable

router = Router(auth=AnybodyReads())
LARGEST = 1 << 62
Status = Literal[
    "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "canceling",
    "failed", "success", "canceled", "skipped", "manual", "scheduled",
]  # fmt: skip


def jobs_json(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    serving = runners.serving(jobs)
    return [job_json(job, serving) for job in jobs]


def job_json(job: Job, serving: Iterable[RunnerFacts] | None = None) -> dict[str, Any]:
    """`serving`: the runners, where they have been read for other jobs, too."""
    base = services().config.coordinator.external_url
    duration = (
        (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    )
    queued = (job.started_at - job.queued_at).total_seconds() if job.started_at and job.queued_at else None
    pipeline = job.pipeline
    return {
        "id": job.pk,
        "name": job.name,
        "stage": job.stage,
        "status": job.status,
        "ref": pipeline.ref,
        "tag": pipeline.ref_type == "tag",
        "allow_failure": job.allow_failure,
        "created_at": job.created_at,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "duration": duration,
        "queued_duration": queued,
        "failure_reason": job.failure_reason or None,
        "exit_code": job.exit_code,
        "status_reason": job.reason,
        "waiting_reason": _waiting_reason(job, serving),
        # Ours, too: the lines before the log. They say which protected variables the job does without.
        "notices": job.notices,
        "coverage": job.coverage,
        "erased_at": job.erased_at,
        "artifacts_expire_at": next(
            (one.expire_at for one in job.artifacts.all() if one.file_type == "archive"), None
        ),
        "tag_list": job.definition.get("tags", []),
        "user": user_json(pipeline.user) if pipeline.user else None,
        "commit": {"id": pipeline.sha, "short_id": pipeline.sha[:8], "title": pipeline.title},
        "project": {"ci_job_token_scope_enabled": True},
        "archived": False,
        "artifacts_file": _archive_json(job),
        "environment": _environment(job),
        # What to ask somebody before the job is played.
        "manual_confirmation": job.definition.get("manual_confirmation"),
        "pipeline": {
            "id": pipeline.pk,
            "iid": pipeline.iid,
            "project_id": job.project_id,
            "ref": pipeline.ref,
            "sha": pipeline.sha,
            "status": pipeline.status,
            "source": pipeline.source,
            "web_url": f"{base}/{job.project.path_with_namespace}/-/pipelines/{pipeline.pk}",
        },
        "runner": {"id": job.runner.pk, "description": job.runner.description} if job.runner else None,
        "artifacts": [
            {
                "file_type": one.file_type,
                "size": one.size,
                "filename": one.filename,
                "file_format": one.file_format,
            }
            for one in job.artifacts.all()
        ],
        "web_url": f"{base}/{job.project.path_with_namespace}/-/jobs/{job.pk}",
    }


def _waiting_reason(job: Job, serving: Iterable[RunnerFacts] | None) -> str | None:
    """Ours, not GitLab's: what the job waits for now, where `status_reason` says how it came to that."""
    if job.status not in (JobStatus.PENDING, JobStatus.WAITING_FOR_RESOURCE):
        return None
    return runners.reason_of(job, runners.serving([job]) if serving is None else serving)


def _archive_json(job: Job) -> dict[str, Any] | None:
    found = next((one for one in job.artifacts.all() if one.file_type == "archive"), None)
    return {"filename": found.filename, "size": found.size} if found is not None else None


def _environment(job: Job) -> dict[str, Any] | None:
    found = job.environment
    if found is None:
        return None
    action = (job.definition.get("environment") or {}).get("action")
    return environment_basic(found) | {"state": found.state, "tier": found.tier, "action": action}


def _jobs(**filters: Any) -> Any:
    related = Job.objects.select_related("pipeline", "pipeline__user", "project", "runner", "environment")
    return related.prefetch_related("artifacts").filter(**filters)


class JobFilter(Schema):
    """`scope` are statuses; clients send it as `scope[]`, or once as `scope`."""

    scopes: Annotated[list[Status], Field(max_length=30)] = Field(default_factory=list, alias="scope[]")
    scope: Status | None = None
    page: int = 1
    per_page: int = 20

    def page_of(self, request: HttpRequest, rows: Any, response: HttpResponse) -> Sequence[Job]:
        wanted = [*self.scopes, *([self.scope] if self.scope is not None else [])]
        rows = rows.filter(status__in=wanted) if wanted else rows
        return page_of(request, rows, response, self.page, self.per_page)


@router.get("/projects/{project_id}/pipelines/{pipeline_id}/jobs")
def list_pipeline_jobs(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    pipeline_id: int,
    filters: Query[JobFilter],
    include_retried: bool = False,
) -> list[dict[str, Any]]:
    pipeline = find_pipeline(request, project_id, pipeline_id, Ability.READ_PIPELINE)
    rows = _jobs(pipeline=pipeline, bridge=False).order_by("stage_index", "id")
    if not include_retried:
        rows = rows.filter(retried=False)
    return jobs_json(filters.page_of(request, rows, response))


@router.get("/projects/{project_id}/jobs")
def list_jobs(
    request: HttpRequest, response: HttpResponse, project_id: str, filters: Query[JobFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_PIPELINE)
    rows = _jobs(project=project, bridge=False).order_by("-id")
    return jobs_json(filters.page_of(request, rows, response))


def find_job(
    request: HttpRequest, project_id: str, job_id: int, ability: Ability = Ability.READ_PIPELINE
) -> Job:
    project = find_project(request, project_id, ability)
    job: Job | None = _jobs(project=project, pk=min(max(job_id, 0), LARGEST)).first()
    if job is None:
        raise Http404("Job")
    return job


@router.get("/projects/{project_id}/jobs/{job_id}")
def get_job(request: HttpRequest, project_id: str, job_id: int) -> dict[str, Any]:
    return job_json(find_job(request, project_id, job_id))


@router.get("/projects/{project_id}/jobs/{job_id}/trace", response={200: None}, openapi_extra=streams.TEXT)
def get_trace(request: HttpRequest, project_id: str, job_id: int) -> HttpResponseBase:
    """The log, in pieces; a range of it may be asked for."""
    job = find_job(request, project_id, job_id, Ability.READ_JOB_LOG)
    if not traces.may_read(reader(request), job):
        raise HttpError(403, "403 Forbidden - the job ran with CI_DEBUG_TRACE: its log is for developers")
    services().events.look_at(f"job:{job.pk}")
    lines, path = traces.notice_lines(job), trace_path(job.pk)
    return streams.text_and_file(request, lines, path, job.trace_size, "text/plain; charset=utf-8")


class JobVariable(Schema):
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
    value: Annotated[str, Field(max_length=100_000)] = ""


class Start(Schema):
    """What a job is given when somebody starts it: variables of its own, values for its `inputs`."""

    job_variables_attributes: list[JobVariable] = Field(default_factory=list, max_length=200)
    job_inputs: dict[str, Any] = Field(default_factory=dict)


def _act(
    request: HttpRequest, project_id: str, job_id: int, action: str, start: Start | None = None
) -> dict[str, Any]:
    job = find_job(request, project_id, job_id, Ability.PLAY_JOB)
    given = start or Start()
    variables = [Variable(one.key, one.value, public=False) for one in given.job_variables_attributes]
    try:
        check_may_run_again(me(request), job, action)
        check_may_give(me(request), job.project, variables)
        if action == "cancel":
            actions.cancel_job(job)
        elif action == "retry":
            job = actions.retry_job(job, given.job_inputs)
        else:
            actions.play_job(job, variables, given.job_inputs)
    except NotAllowed as error:
        raise HttpError(403, str(error)) from error
    except InvalidInputs as error:
        raise HttpError(400, str(error)) from error
    except RefusedChange as error:
        raise HttpError(403 if action == "retry" else 400, str(error)) from error
    return job_json(_jobs(pk=job.pk).get())


class Canceling(Schema):
    """`force`: what is being cancelled is over, whatever its runner still does."""

    force: bool = False


@router.post("/projects/{project_id}/jobs/{job_id}/cancel", response={201: dict[str, Any]})
def cancel_job(
    request: HttpRequest, project_id: str, job_id: int, body: Canceling | None = None
) -> tuple[int, dict[str, Any]]:
    if body is None or not body.force:
        return 201, _act(request, project_id, job_id, "cancel")
    job = find_job(request, project_id, job_id, Ability.FORCE_CANCEL)
    try:
        actions.force_cancel_job(job)
    except RefusedChange as error:
        raise HttpError(422, str(error)) from error
    return 201, job_json(_jobs(pk=job.pk).get())


@router.post("/projects/{project_id}/jobs/{job_id}/retry", response={201: dict[str, Any]})
def retry_job(
    request: HttpRequest, project_id: str, job_id: int, body: Start | None = None
) -> tuple[int, dict[str, Any]]:
    return 201, _act(request, project_id, job_id, "retry", body)


@router.post("/projects/{project_id}/jobs/{job_id}/play")
def play_job(request: HttpRequest, project_id: str, job_id: int, body: Start | None = None) -> dict[str, Any]:
    return _act(request, project_id, job_id, "play", body)


@router.post("/projects/{project_id}/jobs/{job_id}/erase", response={201: dict[str, Any]})
def erase_job(request: HttpRequest, project_id: str, job_id: int) -> tuple[int, dict[str, Any]]:
    """Its log and artifacts; maintainers may, as with GitLab."""
    job = find_job(request, project_id, job_id, Ability.ERASE_JOB)
    try:
        erasing.erase_job(job, me(request))
    except RefusedChange as error:
        raise HttpError(403, str(error)) from error
    return 201, job_json(_jobs(pk=job.pk).get())
