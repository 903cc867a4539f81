"""Commits: lists, one, its differences, where it is; comparisons; a new one."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from shipline.coordinator import access, browsing, committing
from shipline.coordinator.access import Ability
from shipline.coordinator.browsing import Commit, Difference
from shipline.coordinator.committing import Wanted
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.lookup import endless_page, find_project, me, page_of, reader
from shipline.coordinator.models import Pipeline, Project
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services
from shipline.coordinator.tree_changes import PATH_BYTES, Action, Kind

router = Router(auth=AnybodyReads())
Text = Annotated[str, Field(max_length=255)]
COMPARED_COMMITS = 250
ACTIONS_LIMIT = 1000


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
    wanted = browsing.Wanted(*clean, asked.first_parent)

    def found(skip: int, count: int) -> list[Commit]:
        return browsing.commits(project.pk, revision, wanted, skip=skip, count=count)

    shown = []
    for commit in endless_page(request, found, response, asked.page, asked.per_page):
        shown.append(commit_json(project, commit))
        if asked.with_stats:
            shown[-1]["stats"] = _stats(project, commit.sha)
    return shown


Branch = Annotated[str, Field(min_length=1, max_length=255)]
Message = Annotated[str, Field(min_length=1, max_length=100_000)]
Path = Annotated[str, Field(max_length=PATH_BYTES)]
Encoding = Literal["text", "base64"]


class NewAction(Schema):
    """`content` is text, or the file's bytes in base64."""

    action: Kind
    file_path: Path
    previous_path: Path = ""
    content: str | None = None
    encoding: Encoding = "text"
    last_commit_id: Text = ""
    execute_filemode: bool | None = None

    def value(self) -> Action:
        content = None if self.content is None else content_of(self.content, self.encoding)
        return Action(
            self.action,
            self.file_path,
            self.previous_path,
            content,
            self.last_commit_id,
            self.execute_filemode,
        )


class NewCommit(Schema):
    """Without `start_branch` or `start_sha` the branch must be there, or be the first one of all."""

    branch: Branch
    commit_message: Message
    actions: Annotated[list[NewAction], Field(max_length=ACTIONS_LIMIT)]
    start_branch: Text | None = None
    start_sha: Text | None = None
    author_name: Text | None = None
    author_email: Text | None = None
    stats: bool = True
    force: bool = False


@router.post("/projects/{project_id}/repository/commits", response={201: dict[str, Any]})
def new_commit(request: HttpRequest, project_id: str, body: NewCommit) -> tuple[int, dict[str, Any]]:
    """Several files in one commit, which is a push: the same rules, and a pipeline."""
    project = find_project(request, project_id, Ability.PUSH_CODE)
    if body.start_branch and body.start_sha:
        raise HttpError(400, "start_branch, start_sha are mutually exclusive")
    wanted = Wanted(
        body.branch,
        body.commit_message,
        [one.value() for one in body.actions],
        body.start_branch or "",
        body.start_sha or "",
        body.force,
        body.author_name or "",
        body.author_email or "",
    )
    sha = committed(request, project, wanted)
    shown = commit_json(project, browsing.commit(project.pk, sha))
    return 201, shown | ({"stats": _stats(project, sha)} if body.stats else {})


def committed(request: HttpRequest, project: Project, wanted: Wanted) -> str:
    """The SHA of a commit that is made. Raises HttpError."""
    try:
        return committing.commit(project, me(request), wanted)
    except Refusal as error:
        raise HttpError(error.status, error.message) from error


def content_of(text: str, encoding: Encoding) -> bytes:
    """Raises HttpError for what is no base64."""
    if encoding == "text":
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise HttpError(400, "content is not base64, as encoding says") from error


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


@router.get("/projects/{project_id}/repository/commits/{path:ref}")
def get_commit(request: HttpRequest, project_id: str, ref: str, stats: bool = True) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    sha = resolve(project, ref)
    seen = access.may(reader(request), project, Ability.READ_PIPELINE)
    last = Pipeline.objects.filter(project=project, sha=sha).order_by("-id").first() if seen else None
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


class Comparison(Schema):
    from_: Text = Field(alias="from")
    to: Text
    straight: bool = False


@router.get("/projects/{project_id}/repository/compare")
def compare(request: HttpRequest, project_id: str, asked: Query[Comparison]) -> dict[str, Any]:
    """What came since the two parted; `straight` compares the two as they are."""
    project = find_project(request, project_id, Ability.READ_CODE)
    before, after = resolve(project, asked.from_), resolve(project, asked.to)
    found = browsing.commits(project.pk, f"{before}..{after}", browsing.Wanted(), count=COMPARED_COMMITS)
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
