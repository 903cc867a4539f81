"""What a pipeline is compiled with: facts about the server, the project, the commit and why it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipline.compiler import (
    CommitFacts,
    MergeRequestFacts,
    ProjectFacts,
    PushFacts,
    RuleError,
    ServerFacts,
    UpstreamFacts,
    UserFacts,
    predefined_variables,
)
from shipline.coordinator.asked import NOTHING_MORE, Asked, RefUpdate
from shipline.coordinator.models import MergeRequest, Project
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.coordinator.variables import settings_variables
from shipline.model.environment import scoped_values
from shipline.model.variable import Variable

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def push_facts(
    project: Project,
    update: RefUpdate,
    commit: CommitFacts,
    source: str,
    user: User | None,
    asked: Asked = NOTHING_MORE,
    *,
    withhold: bool = False,
) -> PushFacts:
    """What a pipeline for this update is compiled with. `withhold`: without the values of protected variables, as
    nobody is meant who may run one on that branch or tag."""
    repositories = services().repositories

    def changed_since(ref: str) -> frozenset[str]:
        changed = repositories.changed_since(project.pk, ref, update.after)
        if changed is None:
            raise RuleError("rules:changes:compare_to is not a valid ref")
        return changed

    protected = is_protected(project, update, asked)
    request = asked.merge_request
    settings = settings_variables(project)

    def set_for(environment: str | None) -> tuple[Variable, ...]:
        return (*scoped_values(settings, environment, protected=protected and not withhold), *asked.variables)

    push = PushFacts(
        ref=update.ref,
        ref_type=update.ref_type,
        source=source,
        protected=protected,
        settings=set_for(None),
        set_for=set_for,
        changed_paths=_changed_paths(project, update, request),
        tracked_paths=lambda: repositories.tracked(project.pk, update.after),
        project_path=project.path_with_namespace,
        user=UserFacts(user.pk, user.username, user.first_name or user.username, user.email)
        if user is not None
        else None,
        merge_request=merge_request_facts(request, update.after) if request is not None else None,
        upstream=_upstream(asked),
        schedule_description=asked.schedule.description if asked.schedule is not None else "",
        changed_since=changed_since,
    )
    predefined = predefined_variables(server_facts(), project_facts(project), commit, push)
    return replace(push, predefined=predefined)


def is_protected(project: Project, update: RefUpdate, asked: Asked) -> bool:
    """What protected variables are for. A merge request may have them when both of its branches may."""
    if not project.protects_ref(update.ref, update.ref_type):
        return False
    return asked.merge_request is None or project.protects(asked.merge_request.target_branch)


def _changed_paths(
    project: Project, update: RefUpdate, request: MergeRequest | None
) -> frozenset[str] | None:
    repositories = services().repositories
    if request is not None:
        return repositories.changed_since(project.pk, f"refs/heads/{request.target_branch}", update.after)
    return repositories.changed(project.pk, update.before, update.after)


def _upstream(asked: Asked) -> UpstreamFacts | None:
    job = asked.upstream
    return UpstreamFacts(job.pipeline_id, job.project_id, job.pk) if job is not None else None


def merge_request_facts(request: MergeRequest, sha: str) -> MergeRequestFacts:
    project, repositories = request.project, services().repositories
    target = repositories.resolve(project.pk, f"refs/heads/{request.target_branch}") or ""
    return MergeRequestFacts(
        iid=request.iid,
        source_branch=request.source_branch,
        target_branch=request.target_branch,
        id=request.pk,
        title=request.title,
        description=request.description,
        draft=is_draft(request.title),
        diff_id=request.versions,
        diff_base_sha=(repositories.merge_base(project.pk, target, sha) or ZERO) if target else ZERO,
        source_sha=sha,
        target_sha=target,
        source_protected=project.protects(request.source_branch),
        target_protected=project.protects(request.target_branch),
    )


def is_draft(title: str) -> bool:
    return title.lower().startswith(("draft:", "[draft]", "(draft)"))


def server_facts() -> ServerFacts:
    config = services().config
    return ServerFacts(config.coordinator.external_url, config.registry.address)


def project_facts(project: Project) -> ProjectFacts:
    return ProjectFacts(
        project.pk,
        project.path_with_namespace,
        project.default_branch,
        project.visibility,
        project.description,
    )
