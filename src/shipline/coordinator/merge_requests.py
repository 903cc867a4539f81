"""Merge requests within one project, as far as pipelines go: opened, followed, closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from shipline.coordinator.asked import Asked, Created, RefUpdate
from shipline.coordinator.facts import is_draft
from shipline.coordinator.models import MergeRequest, Project
from shipline.coordinator.pipelines import create_pipeline
from shipline.coordinator.push_options import PushOptions
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.errors import ShiplineError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SOURCE = "merge_request_event"
TITLE_LIMIT = 255


class InvalidMergeRequest(ShiplineError):
    code = "invalid_merge_request"


class MergeRequestExists(InvalidMergeRequest):
    code = "merge_request_exists"


def head_ref(request: MergeRequest) -> str:
    return f"refs/merge-requests/{request.iid}/head"


def open_merge_request(
    project: Project, author: User | None, source: str, target: str, *, title: str = "", description: str = ""
) -> MergeRequest:
    """Raises InvalidMergeRequest; MergeRequestExists when there is an open one for the two branches."""
    repositories = services().repositories
    sha = repositories.resolve(project.pk, f"refs/heads/{source}")
    if sha is None:
        raise InvalidMergeRequest(f'The source branch "{source}" does not exist')
    if repositories.resolve(project.pk, f"refs/heads/{target}") is None:
        raise InvalidMergeRequest(f'The target branch "{target}" does not exist')
    if source == target:
        raise InvalidMergeRequest("You can't use same project/branch for source and target")
    with transaction.atomic():
        # One at a time: two would get the same number.
        Project.objects.select_for_update().get(pk=project.pk)
        rows = MergeRequest.objects.filter(project=project)
        same = rows.filter(source_branch=source, target_branch=target, state="opened").first()
        if same is not None:
            raise MergeRequestExists(
                f"Another open merge request already exists for this source branch: !{same.iid}"
            )
        newest = MergeRequest.objects.filter(project=project).aggregate(newest=Max("iid"))["newest"] or 0
        request = MergeRequest.objects.create(
            project=project,
            iid=newest + 1,
            title=(title or source)[:TITLE_LIMIT],
            description=description,
            source_branch=source,
            target_branch=target,
            sha=sha,
            author=author,
        )
        repositories.update_ref(project.pk, head_ref(request), sha)
    return request


def run_pipeline(request: MergeRequest, user: User | None, options: PushOptions | None = None) -> Created:
    """A pipeline for the head of the source branch, detached: not for what the merge would give."""
    update = RefUpdate(request.source_branch, "branch", ZERO, request.sha)
    asked = Asked(
        merge_request=request,
        variables=options.variables if options is not None else (),
        inputs=dict(options.inputs) if options is not None else {},
    )
    return create_pipeline(request.project, update, user, SOURCE, asked)


def after_push(
    project: Project, user: User | None, branch: str, sha: str, options: PushOptions, *, run: bool
) -> Iterator[tuple[list[str], int | None]]:
    """What a push of a branch means for merge requests: lines for the pusher, and the pipelines that were made."""
    for request in _open(project, target_branch=branch):
        if services().repositories.is_ancestor(project.pk, request.sha, sha, {}):
            mark_merged(request, user, sha)
            yield [f"Merge request !{request.iid} is merged: {branch} has its commits"], None
    for request in _open(project, source_branch=branch):
        if _moved(request, sha):
            yield _pipeline_of(request, user, options, run)
    if options.merge_request:
        yield _opened(project, user, branch, options, run)


def _open(project: Project, **filters: str) -> list[MergeRequest]:
    rows = MergeRequest.objects.select_related("project").filter(project=project, state="opened", **filters)
    return list(rows.order_by("iid"))


def _moved(request: MergeRequest, sha: str) -> bool:
    """Follow the source branch. False when that was done already."""
    with transaction.atomic():
        locked = MergeRequest.objects.select_for_update().get(pk=request.pk)
        if locked.sha == sha:
            return False
        locked.sha, locked.versions = sha, locked.versions + 1
        locked.save()
        services().repositories.update_ref(request.project_id, head_ref(request), sha)
    request.sha, request.versions = locked.sha, locked.versions
    return True


def _opened(
    project: Project, user: User | None, branch: str, options: PushOptions, run: bool
) -> tuple[list[str], int | None]:
    target = options.target or project.default_branch
    title = options.title or branch
    if options.draft and not is_draft(title):
        title = f"Draft: {title}"
    try:
        request = open_merge_request(
            project, user, branch, target, title=title, description=options.description
        )
    except MergeRequestExists as error:
        return [str(error)], None
    except InvalidMergeRequest as error:
        return [f"No merge request for {branch}: {error}"], None
    lines, pipeline = _pipeline_of(request, user, options, run)
    return [f"Merge request !{request.iid} created: {branch} into {target}", *lines], pipeline


def _pipeline_of(
    request: MergeRequest, user: User | None, options: PushOptions, run: bool
) -> tuple[list[str], int | None]:
    """Most configurations have nothing for merge requests: that is not worth a line."""
    created = run_pipeline(request, user, options) if run else Created(None)
    if created.pipeline is None:
        return [], None
    url = services().config.coordinator.external_url
    at = f"{url}/{request.project.path_with_namespace}/-/pipelines/{created.pipeline.pk}"
    if created.errors:
        return [f"Pipeline #{created.pipeline.pk} of merge request !{request.iid} failed: {at}"], None
    return (
        [f"Pipeline #{created.pipeline.pk} created for merge request !{request.iid}: {at}"],
        created.pipeline.pk,
    )


def mark_merged(request: MergeRequest, user: User | None, commit: str) -> None:
    MergeRequest.objects.filter(pk=request.pk, state="opened").update(
        state="merged", merged_by=user, merged_at=timezone.now(), merge_commit_sha=commit
    )
