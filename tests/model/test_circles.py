from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.model.circles import first_circle


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({"a": ["b"], "b": ["a"]}, ["a", "b"]),
        ({"a": ["c"], "b": ["a"], "c": ["b"]}, ["a", "c", "b"]),
        ({"x": ["b"], "a": ["b"], "b": ["a"]}, ["b", "a"]),
        ({"a": ["b", "c"], "b": ["a"], "c": ["a"]}, ["a", "b", "c"]),
        ({"a": ["b"], "b": [], "c": ["d"], "d": ["c"]}, ["c", "d"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c"]),
    ],
)
def test_the_first_circle_is_told_in_the_order_of_the_walk(
    graph: dict[str, list[str]], circle: list[str]
) -> None:
    assert first_circle(graph) == circle


@pytest.mark.parametrize(
    "graph",
    [{}, {"a": []}, {"a": ["a"]}, {"a": ["gone"]}, {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}],
)
def test_without_a_circle_there_is_none(graph: dict[str, list[str]]) -> None:
    assert first_circle(graph) is None


def test_long_chains_and_long_circles_are_walked() -> None:
    chain = {str(n): [str(n + 1)] for n in range(50_000)}
    assert first_circle(chain) is None
    found = first_circle({**chain, "50000": ["0"]})
    assert found is not None
    assert len(found) == 50_001


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_all_in_a_circle_reach_one_another(graph: dict[str, list[str]]) -> None:
    def reached(start: str) -> set[str]:
        found, waiting = set(), [start]
        while waiting:
            for other in graph.get(waiting.pop(), ()):
                if other in graph and other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    circle = first_circle(graph)
    mutual = {name for name in graph for other in reached(name) - {name} if name in reached(other)}
    assert bool(circle) == bool(mutual)
    assert all(set(circle or ()) <= reached(name) for name in circle or ())
