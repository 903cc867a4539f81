"""Who may do what. Roles are GitLab's; LEVELS is the whole table of what they may do in a project.

What depends on a branch or tag as well (pushing to it, running jobs on it) is in `protections.py`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from shipline.coordinator.models import Group, GroupMember, Membership, Project
from shipline.coordinator.models.group import paths_above

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

NONE, GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER, ADMIN = 0, 10, 20, 30, 40, 50, 60
READ_CODE, PUSH, PUSH_PROTECTED, ADMINISTER = REPORTER, DEVELOPER, MAINTAINER, MAINTAINER
Row = TypeVar("Row", Membership, GroupMember)


class Ability(StrEnum):
    READ_PROJECT = "read_project"
    READ_MEMBERS = "read_members"
    READ_PIPELINE = "read_pipeline"
    READ_JOB_LOG = "read_job_log"
    READ_ARTIFACTS = "read_artifacts"
    READ_CODE = "read_code"
    READ_ENVIRONMENT = "read_environment"
    READ_RELEASE = "read_release"
    PUSH_CODE = "push_code"
    CREATE_PIPELINE = "create_pipeline"
    PLAY_JOB = "play_job"
    KEEP_ARTIFACTS = "keep_artifacts"
    CREATE_SCHEDULE = "create_schedule"
    CREATE_DEPLOYMENT = "create_deployment"
    CREATE_RELEASE = "create_release"
    SET_COMMIT_STATUS = "set_commit_status"
    ERASE_JOB = "erase_job"
    FORCE_CANCEL = "force_cancel"
    DELETE_ARTIFACTS = "delete_artifacts"
    CREATE_TRIGGER = "create_trigger"
    READ_VARIABLES = "read_variables"
    MANAGE_RUNNERS = "manage_runners"
    MANAGE_PROTECTION = "manage_protection"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_ACCESS_TOKENS = "manage_access_tokens"
    ADMIN_PROJECT = "admin_project"
    DELETE_PIPELINE = "delete_pipeline"
    REMOVE_PROJECT = "remove_project"


# Ability -> the lowest role that has it.
LEVELS: Mapping[Ability, int] = {
    Ability.READ_PROJECT: GUEST,
    Ability.READ_MEMBERS: GUEST,
    Ability.READ_PIPELINE: GUEST,
    Ability.READ_JOB_LOG: GUEST,
    Ability.READ_ARTIFACTS: GUEST,
    Ability.READ_CODE: REPORTER,
    Ability.READ_ENVIRONMENT: REPORTER,
    Ability.READ_RELEASE: GUEST,
    Ability.PUSH_CODE: DEVELOPER,
    Ability.CREATE_PIPELINE: DEVELOPER,
    Ability.PLAY_JOB: DEVELOPER,
    Ability.KEEP_ARTIFACTS: DEVELOPER,
    Ability.CREATE_SCHEDULE: DEVELOPER,
    Ability.CREATE_DEPLOYMENT: DEVELOPER,
    # Changing and deleting one is the same right.
    Ability.CREATE_RELEASE: DEVELOPER,
    Ability.SET_COMMIT_STATUS: DEVELOPER,
    Ability.ERASE_JOB: MAINTAINER,
    Ability.FORCE_CANCEL: MAINTAINER,
    Ability.DELETE_ARTIFACTS: MAINTAINER,
    Ability.CREATE_TRIGGER: MAINTAINER,
    Ability.READ_VARIABLES: MAINTAINER,
    Ability.MANAGE_RUNNERS: MAINTAINER,
    Ability.MANAGE_PROTECTION: MAINTAINER,
    Ability.MANAGE_MEMBERS: MAINTAINER,
    Ability.MANAGE_ACCESS_TOKENS: MAINTAINER,
    Ability.ADMIN_PROJECT: MAINTAINER,
    Ability.DELETE_PIPELINE: OWNER,
    Ability.REMOVE_PROJECT: OWNER,
}
# Everybody has these where the project is public, and everybody who signs in where it is internal.
_OPEN = frozenset(
    {
        Ability.READ_PROJECT, Ability.READ_MEMBERS, Ability.READ_CODE, Ability.READ_ENVIRONMENT,
        Ability.READ_PIPELINE, Ability.READ_JOB_LOG, Ability.READ_ARTIFACTS, Ability.READ_RELEASE,
    }
)  # fmt: skip
# Only where the project shows its pipelines to whoever sees it (`public_jobs`); else they begin at REPORTER.
_JOBS = frozenset({Ability.READ_PIPELINE, Ability.READ_JOB_LOG, Ability.READ_ARTIFACTS})


def allowed(level: int, ability: Ability, *, is_open: bool, public_jobs: bool) -> bool:
    """Pure. `is_open`: the project is public, or internal and the caller has signed in."""
    if ability in _JOBS and not public_jobs:
        return level >= REPORTER
    return level >= LEVELS[ability] or (is_open and ability in _OPEN)


def may(user: User | AnonymousUser | None, project: Project, ability: Ability) -> bool:
    return allowed(
        level(user, project),
        ability,
        is_open=_is_open(user, project.visibility),
        public_jobs=project.public_jobs,
    )


def _is_open(user: User | AnonymousUser | None, visibility: str) -> bool:
    return visibility == "public" or (visibility == "internal" and is_somebody(user))


def is_somebody(user: User | AnonymousUser | None) -> TypeGuard[User]:
    """Who is blocked is nobody any more: neither their tokens do anything, nor what runs in their name."""
    return user is not None and user.is_authenticated and user.is_active


def level(user: User | AnonymousUser | None, project: Project) -> int:
    """The user's access level: the highest of the roles in the project and in the groups that it lies in.
    Administrators own everything, and everybody what lies in their own namespace."""
    if not is_somebody(user):
        return GUEST if project.visibility == "public" else NONE
    if user.is_superuser:
        return ADMIN
    found = max(
        _highest(Membership.objects.filter(project=project, user=user)),
        _inherited(user, paths_above(project.path_with_namespace)),
    )
    return found or (GUEST if _is_open(user, project.visibility) else NONE)


def group_level(user: User | AnonymousUser | None, group: Group) -> int:
    """The highest of the roles in the group and those above it."""
    if not is_somebody(user):
        return NONE
    if user.is_superuser:
        return ADMIN
    return _inherited(user, [*paths_above(group.full_path), group.full_path])


def may_see_group(user: User | AnonymousUser | None, group: Group) -> bool:
    """Members of it, of a group above, or of something in it; everybody if it is public."""
    if _is_open(user, group.visibility) or group_level(user, group) >= GUEST:
        return True
    return visible_projects(user).filter(path_with_namespace__startswith=f"{group.full_path}/").exists()


def may_read(user: User | AnonymousUser | None, project: Project) -> bool:
    """See the project, its pipelines and its code. Guests of a public project may, guests of others may not."""
    return may(user, project, Ability.READ_CODE)


def may_see(user: User | AnonymousUser | None, project: Project) -> bool:
    """Know that it is there: all members."""
    return may(user, project, Ability.READ_PROJECT)


def visible_projects(user: User | AnonymousUser | None) -> QuerySet[Project]:
    """Those of which the user may know."""
    if not is_somebody(user):
        return Project.objects.filter(visibility="public")
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(Q(visibility__in=("public", "internal")) | member_of(user))


def readable_projects(user: User | AnonymousUser | None) -> QuerySet[Project]:
    """Those of which `may_read` is true, whatever their number in as many questions."""
    if user is None or not user.is_authenticated or user.is_superuser:
        return visible_projects(user)
    return Project.objects.filter(
        Q(visibility__in=("public", "internal")) | member_of(user, LEVELS[Ability.READ_CODE])
    )


def projects_at(user: User | AnonymousUser | None, level: int) -> QuerySet[Project]:
    """Those in which the user has at least that role."""
    if user is None or not user.is_authenticated:
        return Project.objects.none()
    return Project.objects.all() if user.is_superuser else Project.objects.filter(member_of(user, level))


def member_of(user: User | AnonymousUser, level: int = GUEST) -> Q:
    """Projects in which the user has a role of that level or above, their own or one of a group."""
    direct = Membership.objects.filter(user=user.pk, access_level__gte=level)
    inherited = GroupMember.objects.filter(user=user.pk, access_level__gte=level)
    wanted = Q(pk__in=_current(direct).values("project"))
    own = Group.objects.filter(owner=user.pk).values_list("full_path", flat=True)
    roles = _current(inherited).values_list("group__full_path", flat=True)
    for path in {*own, *roles}:
        wanted |= Q(path_with_namespace__startswith=f"{path}/")
    return wanted


def _inherited(user: User | AnonymousUser, paths: list[str]) -> int:
    if Group.objects.filter(full_path__in=paths, owner=user.pk).exists():
        return OWNER
    return _highest(GroupMember.objects.filter(group__full_path__in=paths, user=user.pk))


def _current(rows: QuerySet[Row]) -> QuerySet[Row]:
    """A role that has an end is over on that day."""
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now().date()))


def _highest(rows: QuerySet[Row]) -> int:
    found: int | None = _current(rows).aggregate(highest=Max("access_level"))["highest"]
    return found or NONE
