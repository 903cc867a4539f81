"""Tokens: made once, shown once, kept as hashes. What each scope opens is GitLab's.

A personal, project or group access token acts as its user, within its scopes. A job's token acts as who started
the pipeline, within the job's project, while the job runs.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

    from shipline.coordinator.models import Job, PersonalAccessToken, Runner

PERSONAL, RUNNER, JOB = "glpat-", "glrt-", "glcbt-"
# Of runners that a registration token made, and the registration tokens themselves.
REGISTERED_RUNNER, REGISTRATION = "glrtr-", "GR1348941"
LENGTH_LIMIT = 512
# When a token was used last is known to this.
USE_INTERVAL = timedelta(minutes=1)
API = frozenset({"api"})
READ_API = frozenset({"api", "read_api"})
# For git and the registry: one of these is needed.
GIT_READ = frozenset({"api", "read_api", "read_repository", "write_repository"})
GIT_WRITE = frozenset({"api", "write_repository"})
REGISTRY_READ = frozenset({"api", "read_api", "read_registry"})
REGISTRY_WRITE = frozenset({"api", "write_registry"})
SCOPES = frozenset(
    {
        "api", "read_api", "read_user", "read_repository", "write_repository", "read_registry",
        "write_registry", "create_runner", "manage_runner", "self_rotate", "admin_mode", "sudo",
    }
)  # fmt: skip
# What a project's or group's token cannot have: its user is nobody but a bot.
PERSONAL_SCOPES = frozenset({"read_user", "admin_mode", "sudo"})


def fresh(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(24)


def digest(token: str) -> str:
    """Tokens are long and random: a plain hash is enough, and can be looked up."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def create_personal_access_token(
    user: User, name: str, scopes: list[str], expires_at: datetime | None = None, token: str = ""
) -> str:
    from shipline.coordinator.models import PersonalAccessToken

    token = token or fresh(PERSONAL)
    PersonalAccessToken.objects.create(
        user=user, name=name, scopes=scopes, token_hash=digest(token), expires_at=expires_at
    )
    return token


def access_token_of(token: str) -> PersonalAccessToken | None:
    """The personal, project or group access token, if it is valid; that it was used is noted."""
    from shipline.coordinator.models import PersonalAccessToken

    if not token or len(token) > LENGTH_LIMIT:
        return None
    now = timezone.now()
    found = (
        PersonalAccessToken.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), token_hash=digest(token), revoked=False)
        .first()
    )
    if found is None or not found.user.is_active:
        return None
    if found.last_used_at is None or now - found.last_used_at > USE_INTERVAL:
        found.last_used_at = now
        found.save(update_fields=["last_used_at"])
    return found


def user_of(token: str, scopes: frozenset[str] = API) -> User | None:
    """Whose access token this is, if it is valid and has one of the scopes."""
    found = access_token_of(token)
    return found.user if found is not None and scopes & set(found.scopes) else None


def runner_of(token: str) -> Runner | None:
    from shipline.coordinator.models import Runner

    if not token or len(token) > LENGTH_LIMIT:
        return None
    valid = Q(token_expires_at=None) | Q(token_expires_at__gt=timezone.now())
    return Runner.objects.filter(valid, token_hash=digest(token)).first()


def has_expired(runner: Runner) -> bool:
    return runner.token_expires_at is not None and runner.token_expires_at <= timezone.now()


def job_of(token: str) -> Job | None:
    """The job whose token this is, while it runs: a finished job's token opens nothing."""
    from shipline.coordinator.models import Job

    if not token or len(token) > LENGTH_LIMIT:
        return None
    return (
        Job.objects.select_related("project", "pipeline", "pipeline__user")
        .filter(token_hash=digest(token), status__in=("running", "canceling"))
        .first()
    )
