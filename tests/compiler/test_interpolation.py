from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler.blocks import Context
from shipline.compiler.documents import load
from shipline.compiler.interpolation import InterpolationError, interpolate
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Node
from shipline.model.variable import Variable

VALUES = {
    "inputs": {
        "text": "abc", "number": 5, "yes": True, "list": ["a", "b"], "none": None, "deep": [[1, [2]], {"k": "v"}],
        "a-b": "dash", "vars": "$KNOWN-$OTHER", "secret": "$SECRET", "odd": "it's $5\n(ok)",
    },
    "component": {"name": "lint"},
}  # fmt: skip
VARIABLES = {
    "KNOWN": Variable("KNOWN", "known"),
    "SECRET": Variable("SECRET", "hidden", masked=True),
}


def interpolated(text: str, limits: Limits = DEFAULT_LIMITS) -> Node:
    return interpolate(load("ci.yml", text), Context(VALUES, VARIABLES), limits)


def value(block: str) -> Any:
    return interpolated(f"a: {block}").plain()["a"]


def fault(block: str, limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(InterpolationError) as caught:
        interpolated(f"a: {block}", limits)
    return ", ".join(caught.value.messages)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("$[[ inputs.text ]]", "abc"),
        ("$[[inputs.text]]", "abc"),
        ("'$[[  inputs.text  ]]'", "abc"),
        ("$[[ inputs.number ]]", 5),
        ("$[[ inputs.yes ]]", True),
        ("$[[ inputs.none ]]", None),
        ("$[[ inputs.list ]]", ["a", "b"]),
        ("$[[ inputs.a-b ]]", "dash"),
        ("$[[ component.name ]]", "lint"),
        ("v$[[ inputs.number ]]-$[[ inputs.yes ]]$[[ inputs.none ]]", "v5-true"),
        ("x $[[ inputs.list ]]", 'x ["a", "b"]'),
        ("$[[ inputs.text ]]$[[ inputs.text ]]", "abcabc"),
        ("$[[ inputs.list[1] ]]", "b"),
        ("$[[ inputs.deep[0][1][0] ]]", 2),
        ("$[[ inputs.deep[1].k ]]", "v"),
        ("$[[ x", "$[[ x"),
        ("$[[ matrix.ARCH ]]", "$[[ matrix.ARCH ]]"),
        ("$[[ inputs.text | truncate(1,2) ]]", "bc"),
        ("$[[ inputs.text | truncate( 0 , 1 ) | truncate(0,1) ]]", "a"),
        ("$[[ inputs.text | truncate(9,1) ]]", ""),
        ("$[[ inputs.vars | expand_vars ]]", "known-$OTHER"),
        ("$[[ inputs.text | expand_vars | posix_escape ]]", "abc"),
        ("$[[ inputs.odd | posix_escape ]]", "it\\'s\\ \\$5'\n'\\(ok\\)"),
        ("$[[ inputs.vars | truncate(0,0) | posix_escape ]]", "''"),
    ],
)
def test_a_block_stands_for_its_value(block: str, expected: Any) -> None:
    found = value(block)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("$[[ inputs.x ]]", "unknown interpolation provided: `x` in `inputs.x`"),
        ("$[[ foo.x ]]", "unknown interpolation provided: `foo` in `foo.x`"),
        ("$[[ inputs.text.x ]]", "unknown interpolation provided: `x` in `inputs.text.x`"),
        ("$[[ text ]]", "invalid pattern used for interpolation. valid pattern is $[[ inputs.input ]]"),
        ("$[[ inputs.text | a | b | c | d ]]", "too many functions in interpolation block"),
        (
            "$[[ inputs.text | upcase ]]",
            "no function matching `upcase`: check that the function name, arguments, and types are correct",
        ),
        (
            "$[[ inputs.text | truncate(a,1) ]]",
            "no function matching `truncate(a,1)`: check that the function name, arguments, and types are correct",
        ),
        (
            "$[[ inputs.number | truncate(0,1) ]]",
            "error in `truncate` function: invalid input type: truncate can only be used with string inputs",
        ),
        (
            "$[[ inputs.secret | expand_vars ]]",
            "error in `expand_vars` function: variable expansion error: masked variables cannot be expanded",
        ),
        ("$[[ inputs.list[2] ]]", "array index 2 out of bounds (size: 2) in `inputs.list[2]`"),
        ("$[[ inputs.text[0] ]]", "cannot index into non-array value at [0] in `inputs.text[0]`"),
        ("$[[ inputs.list[-1] ]]", "invalid array index in `inputs.list[-1]`: `-1` is not a valid index"),
        ("$[[ inputs.list[0 ]]", "invalid array index in `inputs.list[0`: missing closing bracket"),
        ("$[[ inputs.list[0]x ]]", "invalid array index syntax in `inputs.list[0]x`"),
        (
            "$[[ inputs.list[0][0][0][0][0][0] ]]",
            "too many array indices in `inputs.list[0][0][0][0][0][0]` (maximum depth: 5)",
        ),
        ("$[[ inputs.list.[0] ]]", "invalid indexed access without a key in `inputs.list.[0]`"),
        (f"$[[ inputs.{'x' * 1024} ]]", "maximum interpolation expression size exceeded"),
    ],
)
def test_a_block_that_is_wrong_is_told_in_gitlabs_words(block: str, message: str) -> None:
    assert fault(block) == message


def test_keys_are_interpolated_too() -> None:
    found = interpolated("a-$[[ inputs.text ]]: 1\n$[[ inputs.number ]]: 2\n")
    assert found.plain() == {"a-abc": 1, "5": 2}
    assert found.odd_keys == {"5": 5}


def test_a_list_in_a_list_is_put_there_item_by_item() -> None:
    assert interpolated(
        "a: [x, $[[ inputs.list ]], [y]]".replace("$[[ inputs.list ]]", "'$[[ inputs.list ]]'")
    ).plain() == {"a": ["x", "a", "b", ["y"]]}


def test_values_stand_where_their_block_stood() -> None:
    found = interpolated("a:\n  - $[[ inputs.deep ]]\n").value["a"].value[0]
    assert (found.value[0].plain(), found.value[0].line, found.value[0].column) == (1, 2, 5)


def test_what_a_value_says_is_not_interpolated() -> None:
    context = Context({"inputs": {"a": "$[[ inputs.b ]]", "b": "x"}}, {})
    body = load("ci.yml", "k: $[[ inputs.a ]]")
    assert interpolate(body, context, DEFAULT_LIMITS).plain() == {"k": "$[[ inputs.b ]]"}


def test_the_first_block_that_is_wrong_ends_it() -> None:
    with pytest.raises(InterpolationError) as caught:
        interpolated("a: ok\nb: $[[ inputs.x ]] $[[ inputs.y ]]\nc: $[[ inputs.z ]]")
    assert caught.value.messages == ("unknown interpolation provided: `x` in `inputs.x`",)
    assert caught.value.node.line == 2


def test_there_is_a_limit_of_different_blocks() -> None:
    limits = Limits(interpolation_blocks=2)
    assert interpolated("a: $[[ inputs.text ]] $[[ inputs.yes ]] $[[ inputs.text ]]", limits)
    assert (
        fault("$[[ inputs.text ]] $[[ inputs.yes ]] $[[ inputs.number ]]", limits)
        == "too many interpolation blocks"
    )


def test_there_is_a_limit_of_nodes_and_of_a_texts_length() -> None:
    assert fault("[b, c, d]", Limits(interpolation_nodes=3)) == "config too large"
    assert fault("é" * 6, Limits(interpolation_text_bytes=11)) == "config node too large"


def test_blocks_that_would_make_too_much_text_are_refused() -> None:
    context = Context({"inputs": {"x": "y" * 100_000}}, {})
    body = load("ci.yml", "a: " + "$[[ inputs.x ]] " * 10_000)
    with pytest.raises(InterpolationError, match="config too large"):
        interpolate(body, context, DEFAULT_LIMITS)


def test_a_value_nested_deeper_than_a_file_may_be_is_refused() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    with pytest.raises(InterpolationError, match="config too large"):
        interpolate(
            load("ci.yml", "a: $[[ inputs.x ]]"), Context({"inputs": {"x": deep}}, {}), DEFAULT_LIMITS
        )


def test_beginnings_of_blocks_without_an_end_take_linear_time() -> None:
    text = "$[[ a" * 100_000
    assert interpolated(f"a: '{text}'").plain() == {"a": text}


@given(st.text(alphabet="$[] inputs.textlist0123|truncae(,)-", max_size=60))
def test_any_text_is_interpolated_or_refused(text: str) -> None:
    body = Node({"a": Node(f"$[[ {text} ]]", "ci.yml", 1, 1)}, "ci.yml", 1, 1)
    try:
        interpolate(body, Context(VALUES, VARIABLES), DEFAULT_LIMITS)
    except InterpolationError as error:
        assert all(error.messages)  # noqa: PT017
