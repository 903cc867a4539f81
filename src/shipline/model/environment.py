"""Environments in GitLab's words: tiers, states, and which variables an environment's name lets through. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from shipline.model.variable import SettingsVariable, Variable

EVERY_ENVIRONMENT = "*"
NAME_LIMIT = 255
NAME = re.compile(r"[a-zA-Z0-9_\\${}. -](?:[a-zA-Z0-9_/\\${}. -]*[a-zA-Z0-9_\\${}. -])?", re.ASCII)


class Tier(StrEnum):
    PRODUCTION = "production"
    STAGING = "staging"
    TESTING = "testing"
    DEVELOPMENT = "development"
    OTHER = "other"


class EnvironmentState(StrEnum):
    """`stopping`: a job that stops it was started and has not succeeded yet."""

    AVAILABLE = "available"
    STOPPING = "stopping"
    STOPPED = "stopped"


# GitLab looks for these in this order, anywhere in the name.
_GUESSES = (
    (Tier.DEVELOPMENT, re.compile(r"dev|review|trunk", re.IGNORECASE)),
    (Tier.TESTING, re.compile(r"test|tst|int|ac(?:ce)?pt|qa|qc|control|quality", re.IGNORECASE)),
    (Tier.STAGING, re.compile(r"sta?g|mode?l|pre|demo|non", re.IGNORECASE)),
    (Tier.PRODUCTION, re.compile(r"pro?d|live", re.IGNORECASE)),
)


def guess_tier(name: str) -> Tier:
    """What an environment is for when nobody has said so."""
    return next((tier for tier, pattern in _GUESSES if pattern.search(name)), Tier.OTHER)


def is_name(name: str) -> bool:
    """Variables have been replaced already: what they left is a name, or is not."""
    return len(name) <= NAME_LIMIT and NAME.fullmatch(name) is not None


def scoped(settings: Iterable[SettingsVariable], environment: str | None) -> tuple[SettingsVariable, ...]:
    """Those that a job of this environment gets (None: of no environment), the most specific scope last, so that
    it wins: `*`, then wildcards from short to long, then the name itself."""
    found = [
        (rank, one) for one in settings if (rank := _rank(one.environment_scope, environment)) is not None
    ]
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))


def scoped_values(
    settings: Iterable[SettingsVariable], environment: str | None, *, protected: bool
) -> tuple[Variable, ...]:
    """The variables themselves; protected ones only for a protected ref."""
    return tuple(one.variable for one in scoped(settings, environment) if protected or not one.protected)


def _rank(scope: str, environment: str | None) -> tuple[int, int] | None:
    """How close the scope comes to the environment; None when it does not match. Only `*` is a wildcard, and it
    goes over slashes."""
    if scope == EVERY_ENVIRONMENT:
        return (0, 0)
    if environment is None:
        return None
    if scope == environment:
        return (2, 0)
    pattern = ".*".join(re.escape(part) for part in scope.split("*"))
    if re.fullmatch(pattern, environment, re.DOTALL) is None:
        return None
    return (1, len(scope.replace("*", "")))
