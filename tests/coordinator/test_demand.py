"""What a job asks of a runner, as one word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from shipline.coordinator.demand import Demand, read, word_of

TAGS = some.lists(some.text(max_size=40), max_size=8)


@given(some.integers(1, 1 << 40), some.booleans(), TAGS)
def test_a_word_says_what_it_was_made_of(project: int, protected: bool, tags: list[str]) -> None:
    found = read(word_of(project, protected, tags))
    assert (found.project_id, found.protected) == (project, protected)
    assert found.tags is None or set(found.tags) == set(tags)


def test_the_order_of_tags_makes_no_difference() -> None:
    assert word_of(1, False, ["b", "a", "b"]) == word_of(1, False, ["a", "b"])
    assert word_of(1, True, ["a"]) != word_of(1, False, ["a"])
    assert word_of(1, False, ["a", "b"]) != word_of(1, False, ['a","b'])


def test_many_long_tags_still_make_a_short_word_of_their_own() -> None:
    many = [f"{number:0255d}" for number in range(50)]
    word = word_of(1, False, many)
    assert len(word.encode()) < 700
    assert read(word) == Demand(1, False, None)
    assert word != word_of(1, False, many[1:])
