from __future__ import annotations

from typing import Any

import pytest

from shipline.compiler.documents import load
from shipline.compiler.header import Header, read_header
from shipline.compiler.inputs import resolve_inputs
from shipline.compiler.limits import DEFAULT_LIMITS


def header(text: str) -> Header | list[str]:
    found = read_header(load("ci.yml", text), DEFAULT_LIMITS)
    return found if isinstance(found, Header) else [fault.message for fault in found]


def resolved(specs: str, **given: Any) -> dict[str, Any] | list[str]:
    found = header(f"spec: {{inputs: {specs}}}")
    assert isinstance(found, Header), found
    resolution = resolve_inputs(found.inputs, given, DEFAULT_LIMITS)
    return [text for _, text in resolution.faults] if resolution.faults else resolution.values


# The header


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{spec: {}, other: 1}", ["header config contains unknown keys: other"]),
        ("spec: 1", ["header:spec config should be a hash"]),
        ("spec: {foo: 1, Bar: 2}", ["header:spec config contains unknown keys: foo, bar"]),
        ("spec: {inputs: [a]}", ["header:spec:inputs config should be a hash"]),
        ("spec: {inputs: {a: text}}", ["header:spec:inputs:a config should be a hash"]),
        ("spec: {inputs: {a: {foo: 1}}}", ["header:spec:inputs:a config contains unknown keys: foo"]),
        ("spec: {inputs: {a: {type: text}}}", ["header:spec:inputs:a input type unknown value: text"]),
        ("spec: {inputs: {a: {options: x}}}", ["header:spec:inputs:a input options should be an array"]),
        ("spec: {inputs: {a: {regex: 5}}}", ["header:spec:inputs:a input regex should be a string"]),
        (
            "spec: {inputs: {a: {description: [x]}}}",
            ["header:spec:inputs:a input description must be an alphanumeric string"],
        ),
        (
            f"spec: {{inputs: {{a: {{options: [{', '.join('x' * 51)}]}}}}}}",
            ["header:spec:inputs:a config cannot define more than 50 options"],
        ),
        (
            "spec: {inputs: {a: {options: [~]}}}",
            ["header:spec:inputs:a config options array cannot contain null values"],
        ),
        ("spec: {component: name}", ["header:spec:component config should be an array"]),
        ("spec: {component: [1]}", ["header:spec:component config should be an array of strings"]),
        ("spec: {component: [name, foo]}", ["header:spec:component config contains unknown values: foo"]),
        ("spec: {description: [x]}", ["header:spec:description config should be a string"]),
    ],
)
def test_a_header_that_gitlab_refuses_is_told_in_its_words(text: str, faults: list[str]) -> None:
    assert header(text) == faults


def test_a_header_may_be_empty() -> None:
    assert header("spec:") == header("spec: {inputs: }") == Header()


def test_a_header_tells_all_of_its_faults() -> None:
    assert header("spec: {inputs: {a: 1, b: {type: x}}, component: 5}") == [
        "header:spec:inputs:a config should be a hash",
        "header:spec:inputs:b input type unknown value: x",
        "header:spec:component config should be an array",
    ]


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ("text", ":rules config should be an array"),
        ("[text]", ":rules:rule config should be a hash"),
        ("[{}]", ":rules:rule config can't be blank"),
        ("[{if: '$[[ inputs.b ]]', x: 1}]", ":rules:rule config contains unknown keys: x"),
        ("[{if: '$[[ inputs.b ]] ==', default: 1}]", ":rules:rule if invalid expression syntax"),
        ("[{if: '$[[ inputs.b ]]'}]", ":rules:rule config rule with 'if' must define 'options' or 'default'"),
        ("[{default: x}]", ":rules:rule config fallback rule must define 'options'"),
        ("[{if: '$[[ inputs.c ]]', default: 1}]", " config rule[0] references undefined inputs: c"),
        ("[{if: '$[[ inputs.a ]]', default: 1}]", " config circular dependency detected"),
    ],
)
def test_rules_of_an_input_that_gitlab_refuses_are_told_in_its_words(rules: str, fault: str) -> None:
    found = header(f"spec: {{inputs: {{a: {{rules: {rules}}}, b: }}}}")
    assert found == [f"header:spec:inputs:a{fault}".lower()]


@pytest.mark.parametrize("other", ["options", "default"])
def test_rules_exclude_what_they_decide(other: str) -> None:
    found = header(f"spec: {{inputs: {{a: {{rules: [{{options: [x]}}], {other}: [x]}}}}}}")
    assert found == [f"header:spec:inputs:a config these keys cannot be used together: rules, {other}"]


# Values


@pytest.mark.parametrize(
    ("spec", "given", "value"),
    [
        ("", "x", "x"),
        ("", 5, "5"),
        ("", True, "true"),
        ("", ["a", 1], '["a", 1]'),
        ("{default: x}", None, "x"),
        ("{default: ''}", None, ""),
        ("{default: ~}", None, ""),
        ("{default: 1.5}", None, "1.5"),
        ("{type: number}", 5, 5),
        ("{type: number}", "2", 2),
        ("{type: number}", "2.5", 2.5),
        ("{type: number, default: '7'}", None, 7),
        ("{type: boolean}", False, False),
        ("{type: boolean}", "true", True),
        ("{type: array}", ["a"], ["a"]),
        ("{type: array}", '["a", {"b": 1}]', ["a", {"b": 1}]),
        ("{options: [a, 1]}", "1", "1"),
        ("{type: number, options: [1, 2]}", 2, 2),
        ("{regex: '^v\\d+$'}", "v12", "v12"),
    ],
)
def test_an_input_has_its_given_value_or_its_default(spec: str, given: Any, value: Any) -> None:
    found = resolved(f"{{a: {spec}}}", **({} if given is None else {"a": given}))
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    ("spec", "given", "faults"),
    [
        ("", None, ["required value has not been provided"]),
        ("{type: number}", "x", ["provided value is not a number"]),
        ("{type: number}", True, ["provided value is not a number"]),
        ("{type: number, default: x}", None, ["default value is not a number"]),
        ("{type: boolean, default: yes please}", None, ["default value is not a boolean"]),
        ("{type: array}", "a", ["provided value is not an array"]),
        (
            "{options: [a, b]}",
            "c",
            ["`c` cannot be used because it is not in the list of allowed options"],
        ),
        (
            "{type: number, options: [1]}",
            3,
            ["`3` cannot be used because it is not in the list of the allowed options"],
        ),
        (
            "{options: [a], default: z}",
            "b",
            [
                "`z` cannot be used because it is not in the list of allowed options",
                "`b` cannot be used because it is not in the list of allowed options",
            ],
        ),
        ("{regex: '^v'}", "1", ["provided value does not match required RegEx pattern"]),
        ("{regex: '^v', default: x}", None, ["default value does not match required RegEx pattern"]),
        ("{regex: '('}", "x", ["invalid regular expression"]),
        ("{type: number, regex: x}", 1, ["RegEx validation can only be used with string inputs"]),
        (
            "{type: boolean, options: [true]}",
            True,
            ["Options can only be used with string and number inputs"],
        ),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_gitlabs_words(spec: str, given: Any, faults: list[str]) -> None:
    found = resolved(f"{{a: {spec}}}", **({} if given is None else {"a": given}))
    assert found == [f"`a` input: {text}" for text in faults]


def test_inputs_that_nobody_asked_for_are_refused() -> None:
    assert resolved("{a: }", a="1", b="2", c="3") == ["unknown input arguments: b, c"]


def test_a_null_type_is_no_type() -> None:
    assert resolved("{a: {type: }}", a="1") == [
        "unknown input specification for `a` (valid types: array, boolean, number, string)"
    ]


RULES = """{
    env: {options: [dev, prod], default: dev},
    size: {rules: [
        {if: '$[[ inputs.env ]] == "prod"', options: [big, huge], default: big},
        {options: [small], default: small},
    ]},
}"""


def test_rules_decide_by_the_inputs_before() -> None:
    assert resolved(RULES) == {"env": "dev", "size": "small"}
    assert resolved(RULES, env="prod") == {"env": "prod", "size": "big"}
    assert resolved(RULES, env="prod", size="huge") == {"env": "prod", "size": "huge"}


def test_rules_decide_which_options_there_are() -> None:
    assert resolved(RULES, size="huge") == [
        "`size` input: `huge` cannot be used because it is not in the list of allowed options"
    ]


def test_options_of_a_rule_need_a_default_that_is_among_them() -> None:
    assert resolved("{a: {rules: [{options: [x]}]}}") == [
        "`a` input: `` cannot be used because it is not in the list of allowed options"
    ]


def test_a_value_nested_too_deep_to_read_stays_a_text() -> None:
    assert resolved("{a: {type: array}}", a="[" * 100_000) == ["`a` input: provided value is not an array"]
