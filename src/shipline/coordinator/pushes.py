"""Use cases of a push: may it be, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from shipline.coordinator import access, environments, protections
from shipline.coordinator.models import Project
from shipline.coordinator.pipelines import Created, RefUpdate, create_pipeline
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services

# As GitLab: a push of more refs than this is somebody mirroring, not somebody shipping.
PIPELINE_LIMIT = 4
ERROR_LINES = 30


@dataclass(frozen=True, slots=True)
class Update:
    """One ref; `old` or `new` is all zeros when it is created or deleted."""

    old: str
    new: str
    name: str

    def ref(self) -> tuple[str, str] | None:
        """Type and short name; None for what is neither branch nor tag."""
        for kind, prefix in (("branch", "refs/heads/"), ("tag", "refs/tags/")):
            if self.name.startswith(prefix):
                return kind, self.name.removeprefix(prefix)
        return None


def check(
    project_id: int, user_id: int, updates: Sequence[Update], environment: Mapping[str, str]
) -> list[str]:
    """Why the push is refused, in lines; none when it is not."""
    project = Project.objects.get(pk=project_id)
    user = User.objects.filter(pk=user_id).first()
    level = access.level(user, project)
    rules = protections.rules_of(project)
    lines = []
    for update in updates:
        kind = update.ref()
        if kind is None:
            lines.append(f"GitLab: {update.name} is neither a branch nor a tag; only those can be pushed.")
        elif kind[0] == "branch":
            matching = protections.matching(rules, kind[1])
            lines += _branch(project, kind[1], update, level, matching, environment)
        elif refusal := _tag(project, kind[1], update, level):
            lines.append(refusal)
    return lines


def _branch(
    project: Project,
    branch: str,
    update: Update,
    level: int,
    rules: protections.BranchRules,
    environment: Mapping[str, str],
) -> list[str]:
    if not rules:
        return _first_push(project, branch, update, level)
    refusal = protections.branch_push_refusal(
        rules, branch, level, deletes=update.new == ZERO, forces=_forces(project, update, environment)
    )
    return [refusal] if refusal else []


def _forces(project: Project, update: Update, environment: Mapping[str, str]) -> bool:
    if ZERO in (update.old, update.new):
        return False
    return not services().repositories.is_ancestor(project.pk, update.old, update.new, environment)


def _first_push(project: Project, branch: str, update: Update, level: int) -> list[str]:
    """The branch that will be protected as soon as it is there: a developer may not be the first on it,
    unless the group says so."""
    if branch != project.default_branch or update.old != ZERO or level >= access.MAINTAINER:
        return []
    wanted = protections.default_protection(project)
    return [] if wanted is None or wanted[2] else [protections.PUSH_REFUSED]


def _tag(project: Project, tag: str, update: Update, level: int) -> str:
    wanted = protections.tag_levels(project, tag)
    return protections.tag_push_refusal(wanted, level, creates=update.old == ZERO, deletes=update.new == ZERO)


def received(project_id: int, user_id: int, updates: Sequence[Update], options: Sequence[str]) -> list[str]:
    """Create the pipelines of a push; answers what git's user is told."""
    project = Project.objects.get(pk=project_id)
    user = User.objects.filter(pk=user_id).first()
    lines: list[str] = []
    wanted = [update for update in updates if update.new != ZERO and update.ref()]
    if any(u.old == ZERO and u.ref() == ("branch", project.default_branch) for u in wanted):
        # Before its first pipeline, which is one of a protected branch then.
        protections.protect_default_branch(project)
    for update in updates:
        kind, name = update.ref() or ("", "")
        if kind == "branch" and update.new == ZERO:
            environments.stop_for_branch(project, name)
    if "ci.skip" in options:
        return ["", "No pipeline: ci.skip was asked for.", ""]
    if len(wanted) > PIPELINE_LIMIT:
        return ["", f"No pipelines: more than {PIPELINE_LIMIT} branches and tags in one push.", ""]
    for update in wanted:
        kind, name = update.ref() or ("", "")
        lines += tell(
            project, name, create_pipeline(project, RefUpdate(name, kind, update.old, update.new), user)
        )
    return ["", *lines, ""] if lines else []


def tell(project: Project, ref: str, created: Created) -> list[str]:
    """A pipeline, its errors, or why there is none, in lines."""
    if created.pipeline is None:
        return [f"No pipeline for {ref}: {created.why_not}"]
    url = pipeline_url(project, created.pipeline.pk)
    if not created.errors:
        return [f"Pipeline #{created.pipeline.pk} created for {ref}: {url}"]
    problems = [f"  {problem}" for problem in created.errors[:ERROR_LINES]]
    if len(created.errors) > ERROR_LINES:
        problems.append(f"  ... and {len(created.errors) - ERROR_LINES} more")
    return [f"Pipeline #{created.pipeline.pk} failed: .gitlab-ci.yml is invalid", *problems, f"  {url}"]


def pipeline_url(project: Project, pipeline_id: int) -> str:
    base = services().config.coordinator.external_url
    return f"{base}/{project.path_with_namespace}/-/pipelines/{pipeline_id}"
