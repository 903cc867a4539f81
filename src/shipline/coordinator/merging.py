"""A merge request is merged: by git itself, and then it is a push like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipline.coordinator import access, own_pushes, protections, pushes
from shipline.coordinator.facts import is_draft
from shipline.coordinator.merge_requests import mark_merged
from shipline.coordinator.models import MergeRequest
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def merge(request: MergeRequest, user: User, *, sha: str = "", message: str = "") -> None:
    """A merge commit, or with the project's merge method ff the target branch goes forward. `sha`, if given, is
    what the source branch must be at. Raises Refusal with GitLab's statuses."""
    project, repositories = request.project, services().repositories
    level = access.level(user, project)
    rules = protections.matching(protections.rules_of(project), request.target_branch)
    if level < access.PUSH or (rules and not rules.may_merge(level)):
        raise Refusal(401, "401 Unauthorized")
    if request.state != "opened" or is_draft(request.title):
        raise Refusal(405, "405 Method Not Allowed")
    if sha and sha != request.sha:
        raise Refusal(409, "SHA does not match HEAD of source branch: " + request.sha)
    ref = f"refs/heads/{request.target_branch}"
    target = repositories.resolve(project.pk, ref)
    if target is None:
        raise Refusal(422, "Branch cannot be merged: the target branch is gone")
    if project.merge_method == "ff":
        if not repositories.is_ancestor(project.pk, target, request.sha, {}):
            raise Refusal(422, "Branch cannot be merged: a fast-forward is not possible, rebase it first")
        made: str | None = request.sha
    else:
        text = message or (
            f"Merge branch '{request.source_branch}' into '{request.target_branch}'\n\n{request.title}\n\n"
            f"See merge request {project.path_with_namespace}!{request.iid}"
        )
        made = repositories.merge(project.pk, target, request.sha, text, _name(user), user.email)
    if made is None:
        raise Refusal(422, "Branch cannot be merged: there are conflicts")
    update, sha_made = pushes.Update(target, made, ref), made
    try:
        own_pushes.push(project, user, update, lambda: mark_merged(request, user, sha_made))
    except own_pushes.Moved as error:
        raise Refusal(409, "The target branch has moved meanwhile: try again") from error


def _name(user: User) -> str:
    return user.first_name or user.username
