"""Times of a schedule: five fields as cron has them, by the clock of a time zone. Pure.

Months and days may be named, ranges and steps (`1-5`, `*/15`) are known, `L` is the last day of the month, `5#2`
the second Friday, `5L` the last one. With both a day of the month and a day of the week, either will do. An hour
that daylight saving skips is made up for, one that it repeats counts once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from shipline.errors import ShiplineError

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class InvalidSchedule(ShiplineError):
    """`field` is cron or cron_timezone."""

    code = "invalid_schedule"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first time after `after`, in UTC. Raises InvalidSchedule, also for what never comes (a 30th of
    February)."""
    words = _NAMED.get(cron.strip().lower(), cron).split()
    if len(words) != 5:
        raise InvalidSchedule("cron", "syntax is invalid: five fields are minute hour day month weekday")
    try:
        times = CronSim(" ".join(words), after.astimezone(_zone(zone)))
    except CronSimError as error:
        raise InvalidSchedule("cron", f"syntax is invalid: {error}") from error
    try:
        return next(times).astimezone(UTC)
    except StopIteration as error:
        raise InvalidSchedule("cron", "syntax is invalid: such a time never comes") from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise InvalidSchedule("cron_timezone", f"syntax is invalid: {name[:64]} is no time zone") from error
