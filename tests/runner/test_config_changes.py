"""What became of the entries between two readings of a config."""

from __future__ import annotations

from dataclasses import replace

from shipline.runner.config.changes import changes
from shipline.runner.config_file import RunnerSection

A = RunnerSection("a", "http://c", "token-a")
B = RunnerSection("b", "http://c", "token-b")


def test_the_same_entries_stay_as_they_are() -> None:
    found = changes({1: A, 2: B}, [A, B])
    assert (found.stays, found.leaves, found.new) == ({1: A, 2: B}, (), ())


def test_their_order_means_nothing() -> None:
    assert changes({1: A, 2: B}, [B, A]).stays == {1: A, 2: B}


def test_one_more_is_new_and_one_fewer_leaves() -> None:
    found = changes({1: A}, [B])
    assert (found.stays, found.leaves, found.new) == ({}, (1,), (B,))


def test_an_entry_with_other_limits_is_the_same_one() -> None:
    assert changes({1: A, 2: B}, [B, replace(A, limit=5)]).stays == {1: replace(A, limit=5), 2: B}


def test_an_entry_with_another_name_is_the_same_one() -> None:
    assert changes({1: A}, [replace(A, name="z")]).stays == {1: replace(A, name="z")}


def test_an_entry_with_another_token_is_the_same_one() -> None:
    new = replace(A, token="token-new")
    found = changes({1: A, 2: B}, [B, new])
    assert (found.stays, found.leaves, found.new) == ({1: new, 2: B}, (), ())


def test_an_entry_of_another_coordinator_is_another_one() -> None:
    moved = replace(A, url="http://other")
    found = changes({1: A}, [moved])
    assert (found.stays, found.leaves, found.new) == ({}, (1,), (moved,))


def test_twins_are_two() -> None:
    found = changes({1: A, 2: A}, [A])
    assert (found.stays, found.leaves, found.new) == ({1: A}, (2,), ())
    found = changes({1: A}, [A, A])
    assert (found.stays, found.leaves, found.new) == ({1: A}, (), (A,))
