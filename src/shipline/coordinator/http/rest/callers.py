"""Who calls REST v4, and with what: an access token's user within its scopes, or a running job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest
from ninja.errors import AuthenticationError
from ninja.security import APIKeyHeader

from shipline.coordinator import tokens
from shipline.coordinator.http.rest import scopes

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from shipline.coordinator.models import Job, PersonalAccessToken


class InsufficientScope(Exception):
    """403: the token is valid, but not for this call. `scope` is what would do."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class ClosedToken(AuthenticationError):
    """401: the token was good once. `why` is a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


@dataclass(frozen=True, slots=True)
class Caller:
    """`token` is None for a job, and for somebody without any."""

    user: User | AnonymousUser
    token: PersonalAccessToken | None = None
    job: Job | None = None


class AccessToken(APIKeyHeader):
    """For django-ninja: answers the user; `caller(request)` tells the rest. Nobody, which becomes 401, for a
    token that opens nothing. Raises InsufficientScope and ClosedToken. In the description of the API it is
    PRIVATE-TOKEN, the first of the headers in which a token may be."""

    param_name = "PRIVATE-TOKEN"

    def authenticate(self, request: HttpRequest, key: str | None) -> User | AnonymousUser | None:
        found = _caller(request)
        if found is None:
            return None
        request.shipline_caller = found  # type: ignore[attr-defined]
        return found.user


class AnybodyReads(AccessToken):
    """For resources that a public project or group shows to everybody: whoever brings no token reads as nobody in
    particular. A token that is wrong is told so here too."""

    def authenticate(self, request: HttpRequest, key: str | None) -> User | AnonymousUser | None:
        from django.contrib.auth.models import AnonymousUser

        if request.method in ("GET", "HEAD") and not any(map(request.headers.get, _TOKEN_HEADERS)):
            request.shipline_caller = Caller(AnonymousUser())  # type: ignore[attr-defined]
            return AnonymousUser()
        return super().authenticate(request, key)


_TOKEN_HEADERS = ("PRIVATE-TOKEN", "Authorization", "JOB-TOKEN")


def caller(request: HttpRequest) -> Caller:
    """Raises AuthenticationError for who has no token."""
    found: Caller | None = getattr(request, "shipline_caller", None)
    if found is None:
        raise AuthenticationError
    return found


def _caller(request: HttpRequest) -> Caller | None:
    method, path = request.method or "GET", request.path
    given = _access_token(request)
    token = tokens.access_token_of(given)
    if token is None and (why := tokens.why_closed(given)):
        raise ClosedToken(why)
    if token is not None:
        wanted = scopes.opening(method, path)
        if wanted and not wanted & set(token.scopes):
            raise InsufficientScope(" ".join(sorted(wanted)))
        return Caller(token.user, token=token)
    job = tokens.job_of(request.headers.get("JOB-TOKEN", ""))
    if (
        job is None
        or job.pipeline.user is None
        or not job.pipeline.user.is_active
        or not scopes.open_to_jobs(method, path)
    ):
        return None
    return Caller(job.pipeline.user, job=job)


def _access_token(request: HttpRequest) -> str:
    """Not from the query: what is in an address is in logs and histories."""
    if token := request.headers.get("PRIVATE-TOKEN", ""):
        return token
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""
