"""Tokens: made once, shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

    from shipline.coordinator.models import Job, Runner

PERSONAL, RUNNER, JOB = "glpat-", "glrt-", "glcbt-"
# Of runners that a registration token made, and the registration tokens themselves.
REGISTERED_RUNNER, REGISTRATION = "glrtr-", "GR1348941"
LENGTH_LIMIT = 512


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


def user_of(token: str) -> User | None:
    """Whose personal access token this is, if it is valid."""
    from shipline.coordinator.models import PersonalAccessToken

    if not token or len(token) > LENGTH_LIMIT:
        return None
    found = (
        PersonalAccessToken.objects.select_related("user")
        .filter(
            Q(expires_at=None) | Q(expires_at__gt=timezone.now()), token_hash=digest(token), revoked=False
        )
        .first()
    )
    return found.user if found and found.user.is_active else None


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
        Job.objects.select_related("project", "pipeline")
        .filter(token_hash=digest(token), status__in=("running", "canceling"))
        .first()
    )
