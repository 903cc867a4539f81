"""429: too many calls. With Retry-After and GitLab's RateLimit headers, so that clients know when to return."""

from __future__ import annotations

import math
import time
from email.utils import formatdate

from django.http import HttpRequest, HttpResponse, JsonResponse

from shipline.coordinator import tokens
from shipline.coordinator.services import services


class TooMany(Exception):
    """`wait` in seconds."""

    def __init__(self, name: str, per_minute: int, wait: float) -> None:
        super().__init__(f"more than {per_minute} calls a minute ({name})")
        self.name, self.per_minute, self.wait = name, per_minute, wait

    def response(self, *, for_people: bool = False) -> HttpResponse:
        seconds = max(1, math.ceil(self.wait))
        text = f"429 Too Many Requests - no more than {self.per_minute} a minute: try again in {seconds} s"
        response = HttpResponse(text + "\n", status=429, content_type="text/plain; charset=utf-8")
        if not for_people:
            response = JsonResponse({"message": text}, status=429)
        reset = time.time() + seconds
        response["Retry-After"] = str(seconds)
        response["RateLimit-Name"] = self.name
        response["RateLimit-Limit"] = str(self.per_minute)
        response["RateLimit-Remaining"] = "0"
        response["RateLimit-Reset"] = str(int(reset))
        response["RateLimit-ResetTime"] = formatdate(reset, usegmt=True)
        return response


def limit_token(name: str, token: str) -> None:
    """`name` is a setting of [rate_limits]. Raises TooMany."""
    _take(name, tokens.digest(token))


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def count_refused(request: HttpRequest) -> None:
    """An API call without valid credentials was refused. Raises TooMany."""
    _take("unauthenticated", address_of(request))


def count_failed_sign_in(request: HttpRequest) -> None:
    """Somebody gave a wrong password or token. Raises TooMany."""
    _take("failed_sign_ins", address_of(request))


def before_sign_in(request: HttpRequest) -> None:
    """Raises TooMany when too many sign-ins from there have failed: what was guessed is not even looked at."""
    per_minute = services().config.rate_limits.failed_sign_ins
    caller = ("failed_sign_ins", address_of(request))
    if wait := services().rate_limits.look(caller, per_minute, time.monotonic()):
        raise TooMany("failed_sign_ins", per_minute, wait)


def _take(name: str, caller: str) -> None:
    per_minute: int = getattr(services().config.rate_limits, name)
    if wait := services().rate_limits.take((name, caller), per_minute, time.monotonic()):
        raise TooMany(name, per_minute, wait)
