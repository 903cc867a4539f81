"""Use case: is a configuration right, in the eyes of one project? Nothing is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipline.compiler import CommitFacts, Compiled, Problem, compile_pipeline
from shipline.compiler.limits import chosen_limits
from shipline.compiler.sources import NOTHING, Sources
from shipline.coordinator import protections
from shipline.coordinator.asked import RefUpdate
from shipline.coordinator.configuration import CONFIG_PATH
from shipline.coordinator.facts import push_facts
from shipline.coordinator.models import Project
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services
from shipline.coordinator.sources import CommitSources
from shipline.sources.budget import Budget

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NO_REF = "Reference not found"


def lint(project: Project, content: bytes, ref: str, user: User, *, sha: str | None) -> Compiled | None:
    """`content` as the configuration of a push to `ref` with the files of commit `sha` (None: a repository
    without one). None when there is no such ref."""
    kind = _kind(project, ref)
    if kind is None and sha is not None:
        return None
    commit = services().repositories.commit(project.pk, sha, ZERO) if sha is not None else None
    update = RefUpdate(ref, kind or "branch", ZERO, commit.sha if commit is not None else ZERO)
    # By rules and messages one could find out what protected variables hold.
    withhold = not protections.may_run_on(user, project, ref, kind or "branch")
    facts = push_facts(project, update, commit or CommitFacts(ZERO), "push", user, withhold=withhold)
    limits = chosen_limits(services().config.limits)
    sources: Sources = NOTHING
    if commit is not None:
        sources = CommitSources(project, commit.sha, user, budget=Budget(limits.include_seconds))
    if commit is None:
        facts = replace(facts, tracked_paths=NOTHING.tracked)
    return compile_pipeline(CONFIG_PATH, content, facts, sources, limits)


def _kind(project: Project, ref: str) -> str | None:
    repositories = services().repositories
    if ref in repositories.branches(project.pk):
        return "branch"
    return "tag" if ref in repositories.tags(project.pk) else None


def words(problem: Problem) -> str:
    """GitLab's words alone, as its clients expect; what only shipline says is marked."""
    return f"shipline: {problem.message}" if problem.ours else problem.message
