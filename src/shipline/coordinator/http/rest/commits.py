"""Commits: lists, one, its differences, where it is, what was said of it; comparisons."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from shipline.coordinator import browsing
from shipline.coordinator.access import Ability
from shipline.coordinator.browsing import Commit, Difference, Wanted
from shipline.coordinator.http.rest.lookup import Invalid, endless_page, find_project, me, page_of
from shipline.coordinator.http.rest.users import user_json
from shipline.coordinator.models import CommitStatus, Job, Pipeline, Project
from shipline.coordinator.services import services

router = Router()
Text = Annotated[str, Field(max_length=255)]
COMPARED_COMMITS = 250
STATES = Literal["pending", "running", "success", "failed", "canceled", "skipped"]


def commit_json(project: Project, commit: Commit) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    return {
        "id": commit.sha,
        "short_id": commit.sha[:8],
        "parent_ids": list(commit.parents),
        "title": commit.title,
        "message": commit.message,
        "author_name": commit.author_name,
        "author_email": commit.author_email,
        "authored_date": commit.authored_at,
        "committer_name": commit.committer_name,
        "committer_email": commit.committer_email,
        "committed_date": commit.committed_at,
        "created_at": commit.committed_at,
        "web_url": f"{base}/{project.path_with_namespace}",
    }


def difference_json(one: Difference) -> dict[str, Any]:
    return {
        "old_path": one.old_path,
        "new_path": one.new_path,
        "a_mode": one.old_mode,
        "b_mode": one.new_mode,
        "new_file": one.status == "A",
        "renamed_file": one.status == "R",
        "deleted_file": one.status == "D",
        "collapsed": False,
        "too_large": one.too_large,
        "diff": one.text,
    }


def resolve(project: Project, ref: str) -> str:
    """The commit that is meant. Raises Http404."""
    sha = services().repositories.resolve(project.pk, ref.replace("\0", "")) if ref else None
    if sha is None:
        raise Http404("Commit")
    return sha


class CommitFilter(Schema):
    ref_name: str = ""
    path: str = ""
    since: datetime | None = None
    until: datetime | None = None
    author: Text = ""
    first_parent: bool = False
    with_stats: bool = False
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/repository/commits")
def list_commits(
    request: HttpRequest, response: HttpResponse, project_id: str, asked: Query[CommitFilter]
) -> list[dict[str, Any]]:
    """Newest first. `ref_name` is a branch, tag, commit or `one..other`. How many there are in all is not told:
    counting them would take long."""
    project = find_project(request, project_id, Ability.READ_CODE)
    revision = _revision(project, asked.ref_name or project.default_branch)
    clean = (asked.path.replace("\0", ""), asked.since, asked.until, asked.author.replace("\0", ""))
    wanted = Wanted(*clean, asked.first_parent)

    def found(skip: int, count: int) -> list[Commit]:
        return browsing.commits(project.pk, revision, wanted, skip=skip, count=count)

    shown = []
    for commit in endless_page(request, found, response, asked.page, asked.per_page):
        shown.append(commit_json(project, commit))
        if asked.with_stats:
            shown[-1]["stats"] = _stats(project, commit.sha)
    return shown


def _revision(project: Project, name: str) -> str:
    one, dots, other = name.partition("..")
    if dots and not other.startswith("."):
        return f"{resolve(project, one)}..{resolve(project, other)}"
    return resolve(project, name)


def _stats(project: Project, sha: str) -> dict[str, int]:
    additions, deletions = browsing.stats(project.pk, sha)
    return {"additions": additions, "deletions": deletions, "total": additions + deletions}


@router.get("/projects/{project_id}/repository/commits/{path:ref}/diff")
def get_diff(
    request: HttpRequest, response: HttpResponse, project_id: str, ref: str, page: int = 1, per_page: int = 20
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_CODE)
    found = browsing.differences(project.pk, None, resolve(project, ref))
    return [difference_json(one) for one in page_of(request, found, response, page, per_page)]


class RefFilter(Schema):
    type: Literal["branch", "tag", "all"] = "all"
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/repository/commits/{path:ref}/refs")
def list_refs(
    request: HttpRequest,
    response: HttpResponse,
    project_id: str,
    ref: str,
    asked: Query[RefFilter],
) -> list[dict[str, Any]]:
    """Branches and tags in whose history the commit is."""
    project = find_project(request, project_id, Ability.READ_CODE)
    sha = resolve(project, ref)
    found = [
        {"type": kind, "name": one.name}
        for kind, folder in (("branch", "heads"), ("tag", "tags"))
        if asked.type in (kind, "all")
        for one in browsing.refs(project.pk, folder, containing=sha)
    ]
    return list(page_of(request, found, response, asked.page, asked.per_page))


class StatusFilter(Schema):
    """`all` gives earlier attempts of jobs too."""

    ref: Text = ""
    stage: Text = ""
    name: Text = ""
    pipeline_id: int | None = None
    all: bool = False
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/repository/commits/{path:ref}/statuses")
def list_statuses(
    request: HttpRequest, response: HttpResponse, project_id: str, ref: str, asked: Query[StatusFilter]
) -> list[dict[str, Any]]:
    """The jobs of the commit, and what other systems said of it."""
    project = find_project(request, project_id, Ability.READ_PIPELINE)
    sha = resolve(project, ref)
    wanted: dict[str, Any] = {"name": asked.name.replace("\0", "")} if asked.name else {}
    jobs = Job.objects.select_related("pipeline", "pipeline__user", "project")
    jobs = jobs.filter(project=project, pipeline__sha=sha, **wanted)
    told = CommitStatus.objects.select_related("user").filter(project=project, sha=sha, **wanted)
    if asked.ref:
        jobs, told = jobs.filter(pipeline__ref=asked.ref.replace("\0", "")), told.filter(ref=asked.ref)
    if not asked.all:
        jobs = jobs.filter(retried=False)
    if asked.stage:
        jobs = jobs.filter(stage=asked.stage.replace("\0", ""))
        told = told if asked.stage == "external" else told.none()
    if asked.pipeline_id is not None:
        jobs = jobs.filter(pipeline=min(max(asked.pipeline_id, 0), 1 << 62))
    found: list[Any] = [*jobs.order_by("id"), *told.order_by("id")]
    page = page_of(request, found, response, asked.page, asked.per_page)
    return [_job_status_json(one) if isinstance(one, Job) else status_json(one) for one in page]


@router.get("/projects/{project_id}/repository/commits/{path:ref}")
def get_commit(request: HttpRequest, project_id: str, ref: str, stats: bool = True) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    sha = resolve(project, ref)
    last = Pipeline.objects.filter(project=project, sha=sha).order_by("-id").first()
    shown = commit_json(project, browsing.commit(project.pk, sha))
    shown |= {"status": last.status if last is not None else None, "project_id": project.pk}
    base = services().config.coordinator.external_url
    shown["last_pipeline"] = (
        {
            "id": last.pk,
            "iid": last.iid,
            "project_id": project.pk,
            "ref": last.ref,
            "sha": last.sha,
            "status": last.status,
            "source": last.source,
            "created_at": last.created_at,
            "updated_at": last.updated_at,
            "web_url": f"{base}/{project.path_with_namespace}/-/pipelines/{last.pk}",
        }
        if last is not None
        else None
    )
    return shown | ({"stats": _stats(project, sha)} if stats else {})


def status_json(row: CommitStatus) -> dict[str, Any]:
    return {
        "id": row.pk,
        "sha": row.sha,
        "ref": row.ref,
        "status": row.status,
        "name": row.name,
        "target_url": row.target_url or None,
        "description": row.description or None,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "allow_failure": False,
        "coverage": row.coverage,
        "author": user_json(row.user) if row.user is not None else None,
    }


def _job_status_json(job: Job) -> dict[str, Any]:
    base = services().config.coordinator.external_url
    return {
        "id": job.pk,
        "sha": job.pipeline.sha,
        "ref": job.pipeline.ref,
        "status": job.status,
        "name": job.name,
        "target_url": f"{base}/{job.project.path_with_namespace}/-/jobs/{job.pk}",
        "description": None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "allow_failure": job.allow_failure,
        "coverage": None,
        "author": user_json(job.pipeline.user) if job.pipeline.user is not None else None,
    }


class NewStatus(Schema):
    """`context` is another word for `name`."""

    state: STATES
    ref: Text = ""
    name: Text = ""
    context: Text = ""
    target_url: Annotated[str, Field(max_length=255, pattern=r"^(https?://.*)?$")] | None = None
    description: Text | None = None
    coverage: float | None = None


@router.post("/projects/{project_id}/statuses/{sha}", response={201: dict[str, Any]})
def set_status(
    request: HttpRequest, project_id: str, sha: str, body: NewStatus
) -> tuple[int, dict[str, Any]]:
    """What another system says of a commit; it says one thing at a time."""
    project = find_project(request, project_id, Ability.SET_COMMIT_STATUS)
    found = resolve(project, sha)
    containing = {one.name for one in browsing.refs(project.pk, "heads", containing=found)}
    ref = body.ref or (project.default_branch if project.default_branch in containing else "")
    ref = ref or min(containing, default="")
    if not ref:
        raise Invalid("ref", "is missing: no branch holds the commit")
    now, over = timezone.now(), body.state not in ("pending", "running")
    row, _ = CommitStatus.objects.update_or_create(
        project=project,
        sha=found,
        ref=ref,
        name=body.name or body.context or "default",
        defaults={
            "status": body.state,
            "target_url": body.target_url or "",
            "description": body.description or "",
            "coverage": body.coverage,
            "user": me(request),
            "started_at": now if body.state == "running" else None,
            "finished_at": now if over else None,
        },
    )
    return 201, status_json(row)


class Comparison(Schema):
    from_: Text = Field(alias="from")
    to: Text
    straight: bool = False


@router.get("/projects/{project_id}/repository/compare")
def compare(request: HttpRequest, project_id: str, asked: Query[Comparison]) -> dict[str, Any]:
    """What came since the two parted; `straight` compares the two as they are."""
    project = find_project(request, project_id, Ability.READ_CODE)
    before, after = resolve(project, asked.from_), resolve(project, asked.to)
    found = browsing.commits(project.pk, f"{before}..{after}", Wanted(), count=COMPARED_COMMITS)
    base = before if asked.straight else browsing.merge_base(project.pk, before, after) or before
    shown = [commit_json(project, one) for one in reversed(found)]
    return {
        "commit": shown[-1] if shown else None,
        "commits": shown,
        "diffs": [difference_json(one) for one in browsing.differences(project.pk, base, after)],
        "compare_timeout": False,
        "compare_same_ref": before == after,
        "web_url": f"{services().config.coordinator.external_url}/{project.path_with_namespace}",
    }


class MergeBase(Schema):
    refs: Annotated[list[Text], Field(min_length=2, max_length=10)] = Field(alias="refs[]")


@router.get("/projects/{project_id}/repository/merge_base")
def get_merge_base(request: HttpRequest, project_id: str, asked: Query[MergeBase]) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    first, *others = (resolve(project, ref) for ref in asked.refs)
    base: str | None = first
    for other in others:
        base = browsing.merge_base(project.pk, base, other) if base is not None else None
    if base is None:
        raise Http404("Merge Base")
    return commit_json(project, browsing.commit(project.pk, base))
