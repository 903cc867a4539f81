from __future__ import annotations

import pytest

from shipline.compiler.documents import load
from shipline.compiler.fields import Reader
from shipline.compiler.keywords.variables import read_variables
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems


def read(text: str) -> tuple[Reader, Node]:
    return Reader(Problems(), "job"), load("ci.yml", text)


def messages(reader: Reader) -> list[str]:
    return [str(problem) for problem in reader.problems.found]


def nested(levels: int) -> str:
    return "[" * levels + "echo" + "]" * levels


def test_lines_come_out_of_lists_ten_levels_deep() -> None:
    reader, node = read(nested(11))
    assert reader.lines(node, "script") == ("echo",)
    assert not messages(reader)


@pytest.mark.parametrize("text", [nested(12), "[1]", "[echo, {a: b}]", "5", "{a: b}", "[~]"])
def test_lines_are_texts_and_no_deeper(text: str) -> None:
    reader, node = read(text)
    assert reader.lines(node, "jobs:a:script") is None
    words = "jobs:a:script config should be a string or a nested array of strings up to 10 levels deep"
    assert messages(reader)[0].startswith(f"ci.yml:1: {words}")


def test_a_misspelt_key_has_a_suggestion() -> None:
    reader, node = read("scirpt: x")
    reader.known_keys(node, "jobs:A", ("script", "stage"))
    assert messages(reader) == [
        "ci.yml:1: jobs:a config contains unknown keys: scirpt (did you mean 'script'?)"
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        ("1.50", "1.5"),
        ("true", "true"),
        ("no", "false"),
        ("~", ""),
        ("''", ""),
        ("0x1F", "31"),
        ("1e3", "1e3"),
    ],
)
def test_scalars_become_texts_as_rubys_do(text: str, value: str) -> None:
    reader, node = read(f"A: {text}")
    (variable,) = read_variables(reader, node, "variables")
    assert variable.value == value


def test_a_variable_may_say_that_it_is_not_expanded() -> None:
    reader, node = read("{A: {value: $X, expand: false}, B: {value: $X, expand: true}}")
    raw, expanded = read_variables(reader, node, "variables")
    assert (raw.raw, expanded.raw) == (True, False)


@pytest.mark.parametrize(("text", "message"), [
    ("{A: [x]}", "variable definition must be either a string or a hash"),
    ("{A: {value: x, options: [x]}}", "job:variables:a config uses invalid data keys: options"),
    ("[A]", "job:variables config should be a hash"),
])  # fmt: skip
def test_other_variables_are_refused(text: str, message: str) -> None:
    reader, node = read(text)
    read_variables(reader, node, "job:variables")
    assert messages(reader) == [f"ci.yml:1: {message}"]


@pytest.mark.parametrize("text", ["soon", "5", "~", "[1h]"])
def test_no_duration_is_also_over_the_limit(text: str) -> None:
    reader, node = read(f"a: {text}")
    assert reader.duration(node.value["a"], "jobs:a start in", limit=60) is None
    assert messages(reader) == [
        "ci.yml:1: jobs:a start in should be a duration",
        "ci.yml:1: jobs:a start in should not exceed the limit",
    ]
