"""Times of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_an_hour_that_daylight_saving_repeats_counts_once_for_one_time_and_twice_for_a_step() -> None:
    before = datetime(2026, 10, 24, 22, 59, tzinfo=UTC)

    def times(cron: str, count: int) -> list[str]:
        found, at = [], before
        for _ in range(count):
            at = next_time(cron, "Europe/Berlin", at)
            found.append(f"{at:%d %H:%M}")
        return found

    assert times("30 2 * * *", 2) == ["25 00:30", "26 01:30"]
    assert times("*/30 * * * *", 6) == [
        "24 23:00", "24 23:30", "25 00:00", "25 00:30", "25 01:00", "25 01:30",
    ]  # fmt: skip


@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0 29 2 *", "15 1,2,3 * * sun", "0 0 L * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    # Of the years 2000 to 2089.
    st.integers(946_684_800, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_the_next_time_is_later_and_nothing_lies_between(cron: str, zone: str, after: datetime) -> None:
    found = next_time(cron, zone, after)
    assert found > after
    assert next_time(cron, zone, found) > found
    # Whoever looks later, but before that, finds the same time.
    assert next_time(cron, zone, after + (found - after) / 2) == found


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
