"""Times of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shipline.coordinator.cron import InvalidSchedule, next_time

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("*/15 * * * *", "UTC", "2026-03-04T12:15"),
        ("0 4 * * *", "UTC", "2026-03-05T04:00"),
        ("0 4 * * *", "Europe/Berlin", "2026-03-05T03:00"),
        ("30 9 * * mon-fri", "UTC", "2026-03-05T09:30"),
        ("0 0 * * 7", "UTC", "2026-03-08T00:00"),
        ("0 0 1 jan *", "UTC", "2027-01-01T00:00"),
        ("0 0 L * *", "UTC", "2026-03-31T00:00"),
        ("0 0 * * 5#2", "UTC", "2026-03-13T00:00"),
        ("0 0 * * 5L", "UTC", "2026-03-27T00:00"),
        ("0 0 13 * 5", "UTC", "2026-03-06T00:00"),
        ("0 8-18/5 * * *", "UTC", "2026-03-04T13:00"),
        ("@daily", "America/New_York", "2026-03-05T05:00"),
    ],
)
def test_the_next_time_in_utc(cron: str, zone: str, expected: str) -> None:
    assert next_time(cron, zone, NOON) == datetime.fromisoformat(expected + "+00:00")


def test_the_time_itself_is_over() -> None:
    due = datetime(2026, 3, 4, 12, 15, tzinfo=UTC)
    assert next_time("*/15 * * * *", "UTC", due) == datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def test_an_hour_that_daylight_saving_skips_is_made_up_for() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert next_time("30 2 * * *", "Europe/Berlin", before) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "0 0 30 2 *", "* * * * * *", "61 * * * *", "a b c d e", "@sometimes"]
)
def test_what_is_no_schedule_is_refused(cron: str) -> None:
    with pytest.raises(InvalidSchedule, match="syntax is invalid") as refused:
        next_time(cron, "UTC", NOON)
    assert refused.value.field == "cron"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        next_time("* * * * *", zone, NOON)
    assert refused.value.field == "cron_timezone"
