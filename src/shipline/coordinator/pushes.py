"""Use cases of a push: may it be, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from shipline.coordinator import access, environments
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
    lines = []
    protected = project.protected_among(kind[1] for update in updates if (kind := update.ref()))
    for update in updates:
        kind = update.ref()
        if kind is None:
            lines.append(f"GitLab: {update.name} is neither a branch nor a tag; only those can be pushed.")
        elif kind[0] == "branch" and kind[1] in protected:
            lines += _protected(project, kind[1], update, level, environment)
    return lines


def _protected(
    project: Project, branch: str, update: Update, level: int, environment: Mapping[str, str]
) -> list[str]:
    if level < access.PUSH_PROTECTED:
        return ["GitLab: You are not allowed to push code to protected branches on this project."]
    if update.new == ZERO:
        return [f"GitLab: You can only delete protected branches using the web interface ({branch})."]
    repositories = services().repositories
    if update.old != ZERO and not repositories.is_ancestor(project.pk, update.old, update.new, environment):
        return ["GitLab: You are not allowed to force push code to a protected branch on this project."]
    return []


def received(project_id: int, user_id: int, updates: Sequence[Update], options: Sequence[str]) -> list[str]:
    """Create the pipelines of a push; answers what git's user is told."""
    project = Project.objects.get(pk=project_id)
    user = User.objects.filter(pk=user_id).first()
    lines: list[str] = []
    wanted = [update for update in updates if update.new != ZERO and update.ref()]
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
