"""When a token is exchanged for the next one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shipline.runner.config_file import RunnerSection
from shipline.runner.rotation import due, due_at

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=100)


def section(
    obtained: datetime | None = BEGIN, expires: datetime | None = END, **flags: bool
) -> RunnerSection:
    return RunnerSection(
        "r", "http://c", "t", token_obtained_at=obtained, token_expires_at=expires, feature_flags=flags
    )


@pytest.mark.parametrize(("days", "found"), [(0, False), (74, False), (75, True), (99, True), (100, False)])
def test_a_token_is_exchanged_in_the_last_quarter_of_its_life(days: int, found: bool) -> None:
    assert due(section(), BEGIN + timedelta(days=days)) is found


def test_a_token_without_an_end_is_never_exchanged() -> None:
    assert due_at(section(expires=None)) is None
    assert not due(section(expires=None), END)


def test_a_flag_leaves_it_to_people() -> None:
    assert due_at(section(FF_DISABLE_AUTOMATIC_TOKEN_ROTATION=True)) is None
    assert due_at(section(FF_DISABLE_AUTOMATIC_TOKEN_ROTATION=False)) is not None


@pytest.mark.parametrize("obtained", [None, END, END + timedelta(days=1)])
def test_a_token_whose_beginning_is_not_known_is_left_alone(obtained: datetime | None) -> None:
    assert due_at(section(obtained=obtained)) == END
    assert not due(section(obtained=obtained), END - timedelta(seconds=1))


def test_a_clock_that_jumps_and_is_set_right_again_costs_no_token_its_exchange() -> None:
    year = timedelta(days=365)
    in_time = BEGIN + timedelta(days=80)
    # Ahead, its end seems to be over: the server would say so, and nothing is asked. Behind, it is early.
    assert [due(section(), now) for now in (in_time + year, in_time - year, in_time)] == [False, False, True]
