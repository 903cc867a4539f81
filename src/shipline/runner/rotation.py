"""When a runner's token is exchanged for a new one. Pure.

GitLab may give tokens an end. At three quarters of its life a token is used to get the next, as gitlab-runner
does; the feature flag FF_DISABLE_AUTOMATIC_TOKEN_ROTATION leaves that to people.
"""

from __future__ import annotations

from datetime import datetime

from shipline.runner.config.sections import RunnerSection

SHARE = 0.75
OFF = "FF_DISABLE_AUTOMATIC_TOKEN_ROTATION"


def due_at(section: RunnerSection) -> datetime | None:
    """None: never. A token whose beginning is not known, or that has no life at all, is due at its end."""
    expires, obtained = section.token_expires_at, section.token_obtained_at
    if expires is None or section.feature_flags.get(OFF, False):
        return None
    if obtained is None or obtained >= expires:
        return expires
    return obtained + (expires - obtained) * SHARE


def due(section: RunnerSection, now: datetime) -> bool:
    """An expired token gets no new one any more: the server does not know it."""
    at = due_at(section)
    return (
        at is not None
        and at <= now
        and section.token_expires_at is not None
        and now < section.token_expires_at
    )
