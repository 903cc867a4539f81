"""Environments in GitLab's words: tiers, states, and which variables an environment's name lets through. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from shipline.model.variable import SettingsVariable, Variable

EVERY_ENVIRONMENT = "*"
NAME_LIMIT = 255
NAME = re.compile(r"[a-zA-Z0-9_\\${}. -](?:[a-zA-Z0-9_/\\${}. -]*[a-zA-Z0-9_\\${}. -])?")
NAME_WORDS = (
    "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or "
    "end with '/'"
)


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
    """Those that a job of this environment gets (None: of no environment), in the order in which later ones win:
    the nearer level, and on one level the most specific scope: `*`, then wildcards from short to long, then the
    name itself."""
    found = [one for one in settings if matches(one.environment_scope, environment)]
    return tuple(sorted(found, key=lambda one: (one.level, specificity(one.environment_scope))))


def scoped_values(
    settings: Iterable[SettingsVariable], environment: str | None, *, protected: bool
) -> tuple[Variable, ...]:
    """The variables themselves; protected ones only for a protected ref."""
    return tuple(one.variable for one in scoped(settings, environment) if protected or not one.protected)


def specificity(scope: str) -> tuple[bool, int]:
    """Of several scopes that match, the larger one is the closest: `*`, then longer and longer patterns, then the
    name itself."""
    return "*" not in scope, len(scope.replace("*", ""))


def matches(scope: str, environment: str | None) -> bool:
    """Only `*` is a wildcard, and it goes over slashes. Without an environment only what is for all counts."""
    if scope == EVERY_ENVIRONMENT:
        return True
    if environment is None:
        return False
    pattern = ".*".join(re.escape(part) for part in scope.split("*"))
    return re.fullmatch(pattern, environment, re.DOTALL) is not None
