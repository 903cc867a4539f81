from __future__ import annotations

from typing import Any

import pytest

from shipline.compiler.documents import load
from shipline.compiler.extends import resolve_extends
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.compiler.references import resolve_references

FILE = "ci.yml"


def resolved(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Node, list[str]]:
    problems = Problems()
    root = resolve_references(resolve_extends(load(FILE, text), problems), problems, limits)
    return root, [problem.message for problem in problems.found]


def followed(text: str) -> Any:
    root, faults = resolved(text)
    assert faults == []
    return root.plain()


def faults(text: str, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    return resolved(text, limits)[1]


def test_a_reference_is_replaced_by_what_it_refers_to() -> None:
    text = ".a: {script: [x, y], v: {A: 1}}\nj: {script: [!reference [.a, script], z], n: !reference [.a, v, A]}\n"
    assert followed(text)["j"] == {"script": [["x", "y"], "z"], "n": 1}


def test_a_whole_job_may_be_a_reference() -> None:
    assert followed("q: {script: x}\nz: !reference [q]\n")["z"] == {"script": "x"}


def test_a_reference_sees_the_extended_job() -> None:
    text = ".a: {script: [x]}\n.b: {extends: .a}\nj: {script: !reference [.b, script]}\n"
    assert followed(text)["j"]["script"] == ["x"]


def test_a_reference_replaces_what_extends_would_have_merged_there() -> None:
    text = ".a: {v: {A: 1}}\n.c: {v: {C: 1}}\nj: {extends: .a, v: !reference [.c, v]}\n"
    assert followed(text)["j"]["v"] == {"C": 1}


def test_references_chain_without_limit() -> None:
    lines = [f".a{i}: {{s: !reference [.a{i + 1}, s]}}" for i in range(3000)]
    assert followed("\n".join([*lines, ".a3000: {s: [x]}"]))[".a0"] == {"s": ["x"]}


def test_references_are_found_in_what_they_refer_to() -> None:
    text = ".a: {s: [a]}\n.b: {s: [b, !reference [.a, s], {k: !reference [.a, s]}]}\nj: {s: !reference [.b, s]}\n"
    assert followed(text)["j"]["s"] == ["b", ["a"], {"k": ["a"]}]


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("[.none, script]", "could not be found"),
        ("[.a, none]", "could not be found"),
        ("[.a, empty]", "could not be found"),
        ("[.a, never]", "could not be found"),
        ("[.a, script, x]", "could not be found"),
        ("[.a, text, x]", "could not be found"),
        ("[.b, script]", "could not be found"),
        ("[]", "is not valid"),
        ("[.a, 1]", "is not valid"),
        ("text", "is not valid"),
        ("{a: b}", "is not valid"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_in_gitlabs_words(reference: str, why: str) -> None:
    text = ".a: {script: [x], empty: ~, never: false, text: t}\n.b: !reference [.a]\n"
    text += f"j: {{s: !reference {reference}}}\n"
    (found,) = faults(text)
    assert found.startswith("!reference ")
    assert found.endswith(f" {why}")


def test_the_message_has_the_reference_as_it_was_written() -> None:
    assert faults("j: {s: [!reference [.a, 'b c']]}") == ['!reference [".a", "b c"] could not be found']


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("j: {s: [!reference [j, s]]}", '["j", "s"]'),
        ("j: !reference [j]", '["j"]'),
        ("a: {s: !reference [b, s]}\nb: {s: !reference [a, s]}", '["b", "s"]'),
        ("a: {s: [!reference [a]]}", '["a"]'),
    ],
)
def test_references_in_a_circle_are_refused(text: str, written: str) -> None:
    assert faults(text) == [f"!reference {written} is part of a circular chain"]


def test_references_that_multiply_are_refused() -> None:
    lines = [f".a{i}: {{s: [!reference [.a{i + 1}, s], !reference [.a{i + 1}, s]]}}" for i in range(60)]
    assert "The parsed YAML is too big" in faults("\n".join([*lines, ".a60: {s: [x]}"]))


def test_references_that_nest_deeper_than_a_file_may_are_refused() -> None:
    lines = [f".a{i}: {{s: [!reference [.a{i + 1}, s]]}}" for i in range(300)]
    assert "The parsed YAML is too big" in faults("\n".join([*lines, ".a300: {s: [x]}"]))


def test_what_holds_no_reference_stays_as_it_is() -> None:
    root = load(FILE, "a: {b: [c]}")
    assert resolve_references(root, Problems()) is root
