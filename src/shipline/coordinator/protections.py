"""Protected branches and tags: who may push, merge, force, create, and run jobs there. The rules are pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from shipline.coordinator import access
from shipline.coordinator.models import Group, Pipeline, Project, ProtectedBranch

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

NO_ONE = 0
PUSH_REFUSED = "GitLab: You are not allowed to push code to protected branches on this project."
FORCE_REFUSED = "GitLab: You are not allowed to force push code to a protected branch on this project."
DELETE_REFUSED = (
    "GitLab: You are not allowed to delete protected branches from this project. "
    "Only a project maintainer or owner can delete a protected branch."
)
TAG_CREATE_REFUSED = "GitLab: You are not allowed to create this tag as it is protected."
TAG_UPDATE_REFUSED = "GitLab: Protected tags cannot be updated."
# GitLab's numbers of how a new default branch is protected -> who pushes, who merges, and may a developer make
# the first push. 0 is no protection.
DEFAULT_PROTECTIONS = {
    1: (access.DEVELOPER, access.DEVELOPER, True),
    2: (access.MAINTAINER, access.MAINTAINER, False),
    3: (access.MAINTAINER, access.DEVELOPER, False),
    4: (access.MAINTAINER, access.MAINTAINER, True),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A protected branch. The levels are the lowest that may; 0 is nobody, not even administrators."""

    name: str
    push: int
    merge: int
    force: bool


@dataclass(frozen=True, slots=True)
class BranchRules:
    """Of several rules that match a branch the most generous counts, as with GitLab."""

    rules: tuple[Rule, ...]

    def __bool__(self) -> bool:
        return bool(self.rules)

    def may_push(self, level: int) -> bool:
        return any(_reaches(level, rule.push) for rule in self.rules)

    def may_merge(self, level: int) -> bool:
        return any(_reaches(level, rule.merge) for rule in self.rules)

    def may_force(self, level: int) -> bool:
        return any(rule.force for rule in self.rules) and self.may_push(level)


def _reaches(level: int, wanted: int) -> bool:
    return wanted != NO_ONE and level >= wanted


def matching(rules: Iterable[Rule], branch: str) -> BranchRules:
    return BranchRules(tuple(rule for rule in rules if fnmatchcase(branch, rule.name)))


def branch_push_refusal(rules: BranchRules, branch: str, level: int, *, deletes: bool, forces: bool) -> str:
    """Why a push to a branch with these rules is refused; empty when it is not."""
    if not rules:
        return ""
    if deletes:
        if level < access.MAINTAINER:
            return DELETE_REFUSED
        return f"GitLab: You can only delete protected branches using the web interface ({branch})."
    if not rules.may_push(level):
        return PUSH_REFUSED
    return FORCE_REFUSED if forces and not rules.may_force(level) else ""


def tag_push_refusal(wanted: Iterable[int], level: int, *, creates: bool, deletes: bool) -> str:
    """`wanted` are the levels of the tag protections that match; none is no protection."""
    levels = list(wanted)
    if not levels:
        return ""
    if deletes:
        return "GitLab: You can only delete protected tags using the web interface."
    if not creates:
        return TAG_UPDATE_REFUSED
    return "" if any(_reaches(level, one) for one in levels) else TAG_CREATE_REFUSED


def rules_of(project: Project) -> list[Rule]:
    return [
        Rule(row.name, row.push_access_level, row.merge_access_level, row.allow_force_push)
        for row in project.protected_branches.all()
    ]


def tag_levels(project: Project, tag: str) -> list[int]:
    """The levels that may create it; none when nothing protects it."""
    rows = project.protected_tags.values_list("name", "create_access_level")
    return [level for name, level in rows if fnmatchcase(tag, name)]


def may_run_on(user: User | AnonymousUser | None, project: Project, ref: str, ref_type: str) -> bool:
    """Start, play, retry and cancel there. On a protected ref only those may who could bring code there: a
    deployment's secrets are theirs alone."""
    level = access.level(user, project)
    if not access.may(user, project, access.Ability.PLAY_JOB):
        return False
    if ref_type == "branch":
        rules = matching(rules_of(project), ref)
        return not rules or rules.may_push(level) or rules.may_merge(level)
    if ref_type == "tag" and (wanted := tag_levels(project, ref)):
        return any(_reaches(level, one) for one in wanted)
    return True


def may_run(user: User | AnonymousUser | None, pipeline: Pipeline) -> bool:
    ref_type, ref = ref_of(pipeline)
    return may_run_on(user, pipeline.project, ref, ref_type)


def ref_of(pipeline: Pipeline) -> tuple[str, str]:
    """Type and name of what the right to run the pipeline hangs on: of a merge request its source branch."""
    request = pipeline.merge_request
    return ("branch", request.source_branch) if request else (pipeline.ref_type, pipeline.ref)


def default_protection(project: Project) -> tuple[int, int, bool] | None:
    """How the project's default branch is protected when it comes to be: as its group says, else fully."""
    group = Group.objects.filter(full_path=project.namespace).first()
    return DEFAULT_PROTECTIONS.get(group.default_branch_protection if group is not None else 2)


def protect_default_branch(project: Project) -> None:
    """GitLab does so at the first push of it, unless some rule matches it already."""
    wanted = default_protection(project)
    if wanted is not None and not project.protects(project.default_branch):
        push, merge, _ = wanted
        ProtectedBranch.objects.get_or_create(
            project=project,
            name=project.default_branch,
            defaults={"push_access_level": push, "merge_access_level": merge},
        )
