from __future__ import annotations

from shipline.supervisor.children import restart_delay


def test_a_program_that_dies_once_starts_again_soon() -> None:
    assert restart_delay((100.0,), 100.0) == 0.2


def test_each_further_death_waits_twice_as_long() -> None:
    assert restart_delay((97.0, 98.0, 100.0), 100.0) == 0.8


def test_five_deaths_in_a_minute_are_too_many() -> None:
    assert restart_delay((60.0, 70.0, 80.0, 90.0, 100.0), 100.0) is None


def test_deaths_of_long_ago_are_forgotten() -> None:
    assert restart_delay((1.0, 2.0, 3.0, 4.0, 100.0), 100.0) == 0.2
