from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler.documents import load
from shipline.compiler.extends import resolve_extends
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems

FILE = "ci.yml"


def resolved(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Node, list[str]]:
    problems = Problems()
    root = resolve_extends(load(FILE, text), problems, limits)
    return root, [problem.message for problem in problems.found]


def extended(text: str) -> Any:
    root, faults = resolved(text)
    assert faults == []
    return root.plain()


def faults(text: str, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    return resolved(text, limits)[1]


def test_hashes_are_merged_and_all_else_is_replaced() -> None:
    text = """
.a: {variables: {X: 1, Y: 1}, script: [a, b], image: a, tags: [t]}
j: {extends: .a, variables: {Y: 2}, script: [c], tags: ~}
"""
    assert extended(text)["j"] == {
        "variables": {"X": 1, "Y": 2}, "script": ["c"], "image": "a", "tags": None, "extends": ".a",
    }  # fmt: skip


def test_of_several_parents_the_last_wins() -> None:
    text = ".a: {x: 1, y: 1, v: {a: 1}}\n.b: {y: 2, z: 2, v: {b: 2}}\nj: {extends: [.a, .b], z: 3}\n"
    assert extended(text)["j"] == {"x": 1, "y": 2, "z": 3, "v": {"a": 1, "b": 2}, "extends": [".a", ".b"]}


def test_parents_may_extend_and_be_visible_and_stand_below() -> None:
    text = "c: {extends: b, c: 1}\nb: {extends: a, b: 1}\na: {a: 1}\n"
    assert extended(text)["c"] == {"a": 1, "b": 1, "c": 1, "extends": "b"}


@pytest.mark.parametrize("nothing", ["~", "[]"])
def test_nothing_to_extend_is_fine(nothing: str) -> None:
    assert extended(f"j: {{extends: {nothing}, a: 1}}")["j"]["a"] == 1


def test_every_top_level_hash_may_extend() -> None:
    text = ".v: {A: 1}\nvariables: {extends: .v, B: 2}\ndefault: {extends: .v}\n"
    found = extended(text)
    assert found["variables"] == {"A": 1, "B": 2, "extends": ".v"}
    assert found["default"] == {"A": 1, "extends": ".v"}


def test_hashes_below_the_top_do_not_extend() -> None:
    assert extended("j: {a: {extends: .none}}\n")["j"] == {"a": {"extends": ".none"}}


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        (".x", "j: unknown keys in `extends` (.x)"),
        ("[.x, .ok, .y]", "j: unknown keys in `extends` (.x, .y)"),
        ("5", "j: unknown keys in `extends` (5)"),
        ("[[.ok]]", 'j: unknown keys in `extends` ([".ok"])'),
        ("!reference [.ok, x]", 'j: unknown keys in `extends` (!reference [".ok", "x"])'),
        (".text", "j: invalid base hashes in `extends` (.text)"),
        ("[.ok, .text, .list]", "j: invalid base hashes in `extends` (.text, .list)"),
        ("j", "j: circular dependency detected in `extends`"),
        ("k", "j: circular dependency detected in `extends`"),
    ],
)
def test_what_cannot_be_extended_is_told_in_gitlabs_words(extends: str, message: str) -> None:
    text = f".ok: {{x: 1}}\n.text: text\n.list: [x]\nj: {{extends: {extends}}}\nk: {{extends: j}}\n"
    assert faults(text) == [message]


def test_a_fault_names_the_hash_that_has_it() -> None:
    assert faults("j: {extends: .a}\n.a: {extends: .b}\n") == [".a: unknown keys in `extends` (.b)"]


def chain(length: int) -> list[str]:
    """`a1` extends `a2` and so on; the last extends nothing."""
    return [f"a{i}: {{extends: a{i + 1}, k{i}: 1}}" for i in range(1, length)] + [
        f"a{length}: {{k{length}: 1}}"
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_eleven_levels_of_extends_pass_and_twelve_do_not(order: int) -> None:
    assert len(extended("\n".join(chain(12)[::order]))["a1"]) == 13
    assert faults("\n".join(chain(13)[::order])) == ["a12: nesting too deep in `extends`"]


def test_what_many_hashes_extend_is_merged_once() -> None:
    text = ".a: {x: {y: 1}}\n.b: {x: {z: 1}}\n" + "\n".join(f"j{i}: {{extends: [.a, .b]}}" for i in range(3))
    root, _ = resolved(text)
    assert root.value["j0"].value["x"] is root.value["j2"].value["x"]


def test_all_that_is_extended_together_has_a_limit() -> None:
    text = ".a: {" + ", ".join(f"k{i}: {i}" for i in range(100)) + "}\n"
    text += "\n".join(f"j{i}: {{extends: .a}}" for i in range(10))
    assert faults(text) == []
    assert set(faults(text, Limits(merged_bytes=50_000))) == {"The parsed YAML is too big"}


def test_each_key_keeps_its_place() -> None:
    root, _ = resolved(".a:\n  x: 1\nj:\n  extends: .a\n  y: 1\n")
    job = root.value["j"]
    assert [(key, job.key(key).line) for key in job.value] == [("x", 2), ("extends", 4), ("y", 5)]


NAMES = st.sampled_from("abcde")
HASH = st.fixed_dictionaries(
    {},
    optional={
        "extends": st.lists(NAMES, max_size=3),
        "k": st.integers(),
        "v": st.dictionaries(NAMES, st.integers()),
    },
)


@given(st.dictionaries(NAMES, HASH, min_size=1, max_size=5))
def test_whatever_extends_whatever_ends_and_what_is_merged_stays_when_merged_again(
    tree: dict[str, Any],
) -> None:
    root, found = resolved(json.dumps(tree))
    if not found:
        problems = Problems()
        assert resolve_extends(root, problems).plain() == root.plain()
