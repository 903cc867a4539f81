"""Limits that are given to the compiler take effect wherever they belong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tests.compiler.golden import CONFIG, compile_files, facts_of

import shipline.compiler
from shipline.compiler import Compiled
from shipline.compiler.limits import DEFAULT_LIMITS, Limits, chosen_limits
from shipline.compiler.present.explain import Layers, explain
from shipline.compiler.present.origins import origins_of
from shipline.errors import UsageError


def compiled(text: str, limits: Limits = DEFAULT_LIMITS, **facts: Any) -> Compiled:
    files = {name: content.encode() for name, content in facts.pop("files", {}).items()}
    return compile_files({CONFIG: text.encode(), **files}, facts, limits)


def errors(text: str, limits: Limits = DEFAULT_LIMITS, **facts: Any) -> list[str]:
    return [problem.message for problem in compiled(text, limits, **facts).errors]


def jobs(text: str, limits: Limits = DEFAULT_LIMITS, **facts: Any) -> list[str]:
    found = compiled(text, limits, **facts)
    assert found.valid, found.errors
    return [job.name for job in found.pipeline.jobs] if found.pipeline is not None else []


def test_every_limit_is_asked_for_somewhere() -> None:
    folder = Path(shipline.compiler.__file__).parent.parent
    code = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "limits.py")
    assert [field.name for field in dataclasses.fields(Limits) if f"limits.{field.name}" not in code] == []


NEEDED = "build: {script: x}\nb: {script: x, needs: [build]}"
EXPOSED = "a: {script: x, artifacts: {paths: [x], expose_as: logs}}"
USER = "a: {script: x, image: {name: x, docker: {user: root}}}"
MATRIX = """
a: {script: x, parallel: {matrix: [{X: [1]}]}}
b: {script: x, needs: [{job: a, parallel: {matrix: [{X: [1, 1]}]}}]}
"""
INPUT = "spec: {inputs: {a: {default: 'text'}}}\n---\na: {script: '$[[ inputs.a ]]'}"


@pytest.mark.parametrize(
    ("limit", "most", "text", "message"),
    [
        ("need_name", 5, NEEDED, "b job: need `build` name is too long (maximum is 4 characters)"),
        (
            "expose_as",
            4,
            EXPOSED,
            "jobs:a:artifacts expose as is too long (maximum is 3 characters)",
        ),
        ("executor_user", 4, USER, "jobs:a:image executor opts '/docker/user' must be a valid 'string'"),
        ("interpolation_added", 4, INPUT, "config too large"),
        (
            "interpolation_objects",
            2,
            INPUT,
            "invalid pattern used for interpolation. valid pattern is $[[ inputs.input ]]",
        ),
    ],
)
def test_what_is_equal_to_its_limit_passes_and_one_more_is_refused(
    limit: str, most: int, text: str, message: str
) -> None:
    assert errors(text) == errors(text, Limits(**{limit: most})) == []
    assert errors(text, Limits(**{limit: most - 1})) == [message]


def test_the_matrix_of_a_need_may_name_as_many_jobs_as_a_matrix_may_make() -> None:
    too_many = "jobs:b:needs:need:parallel:matrix config generates too many jobs (maximum is {})"
    assert too_many.format(1) in errors(MATRIX, Limits(parallel=1))
    assert too_many.format(1) not in errors(MATRIX, Limits(parallel=2))
    rows = ", ".join(f"V{number}: [{', '.join(map(str, range(100)))}]" for number in range(20))
    assert errors(MATRIX.replace("X: [1, 1]", rows)) == [too_many.format(200)]


def test_a_message_tells_how_deep_lists_may_be() -> None:
    levels = "up to 1 levels deep"
    assert errors("a: {script: [[x]]}", Limits(nesting_levels=1)) == []
    (script,) = errors("a: {script: [[[x]]]}", Limits(nesting_levels=1))
    (stages,) = errors("stages: [[[test]]]\na: {script: x}", Limits(nesting_levels=1))
    assert script.endswith(levels)
    assert stages.endswith(levels)


def test_a_file_is_cut_into_as_many_documents_as_the_limit() -> None:
    assert errors(INPUT, Limits(documents=2)) == []
    assert errors(INPUT, Limits(documents=1)) != []


# Expressions

IF_OF_JOB = "a: {script: x, rules: [{if: $A == 'a'}]}"
IF_OF_WORKFLOW = "workflow: {rules: [{if: $A == 'a'}]}\na: {script: x}"
IF_OF_INCLUDE = "include: [{local: b.yml, rules: [{if: $A == 'a'}]}]\na: {script: x}"
IF_OF_ONLY = "a: {script: x, only: {variables: [$A == 'a']}}"
IF_OF_EXCEPT = "a: {script: x, except: {variables: [$A == 'a']}}"
IF_OF_INPUT = """
spec:
  inputs:
    a: {default: a}
    b:
      rules:
        - {if: "$[[ inputs.a ]] == 'a'", options: [x], default: x}
        - {options: [y], default: y}
---
a: {script: '$[[ inputs.b ]]'}
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (IF_OF_JOB, "jobs:a:rules:rule if invalid expression syntax"),
        (IF_OF_WORKFLOW, "workflow:rules:rule if invalid expression syntax"),
        (IF_OF_INCLUDE, "include:rule if invalid expression syntax"),
        (IF_OF_ONLY, "jobs:a:only variables invalid expression syntax"),
        (IF_OF_EXCEPT, "jobs:a:except variables invalid expression syntax"),
        (IF_OF_INPUT, "header:spec:inputs:b:rules:rule if invalid expression syntax"),
    ],
)
def test_fewer_tokens_than_the_limit_pass_wherever_an_expression_stands(text: str, message: str) -> None:
    facts = {"settings": {"A": "a"}, "files": {"b.yml": "b: {script: x}"}}
    assert compiled(text, **facts).valid
    assert compiled(text, Limits(expression_tokens=4), **facts).valid
    assert errors(text, Limits(expression_tokens=3), **facts) == [message]
    # What was refused once is taken again under the usual limits.
    assert compiled(text, **facts).valid


# Comparisons

OTHER = "\nother: {script: x}"
FACTS: dict[str, Any] = {
    "changed": ["x", "y"],
    "tracked": ["x", "y"],
    "changed_since": {"v1": ["x", "y"]},
    "projects": {"group/lib": {"x": "", "y": ""}},
    "files": {"b.yml": "a: {script: x}"},
}


@pytest.mark.parametrize(
    "text",
    [
        "a: {script: x, rules: [{changes: ['*.py']}]}",
        "a: {script: x, rules: [{changes: {paths: ['*.py'], compare_to: v1}}]}",
        "a: {script: x, rules: [{exists: ['*.py']}]}",
        "a: {script: x, rules: [{exists: {paths: ['*.py'], project: group/lib}}]}",
        "a: {script: x, only: {changes: ['*.py']}}",
        "include: [{local: b.yml, rules: [{changes: ['*.py']}]}]",
        "include: [{local: b.yml, rules: [{exists: ['*.py']}]}]",
    ],
)
def test_more_comparisons_than_the_limit_count_as_a_match(text: str) -> None:
    assert jobs(text + OTHER, **FACTS) == jobs(text + OTHER, Limits(rule_comparisons=2), **FACTS) == ["other"]
    assert sorted(jobs(text + OTHER, Limits(rule_comparisons=1), **FACTS)) == ["a", "other"]


def test_more_comparisons_than_the_limit_count_as_a_match_in_except_too() -> None:
    text = "a: {script: x, except: {changes: ['*.py']}}" + OTHER
    assert jobs(text, Limits(rule_comparisons=2), **FACTS) == ["a", "other"]
    assert jobs(text, Limits(rule_comparisons=1), **FACTS) == ["other"]


def test_more_comparisons_than_the_limit_let_the_workflow_through() -> None:
    text = "workflow: {rules: [{changes: ['*.py']}]}\na: {script: x}"
    assert compiled(text, Limits(rule_comparisons=2), **FACTS).filtered
    assert jobs(text, Limits(rule_comparisons=1), **FACTS) == ["a"]


def test_alternatives_beyond_the_limit_do_not_match() -> None:
    text = "a: {script: x, rules: [{changes: ['{w,x}']}]}" + OTHER
    assert jobs(text, Limits(rule_alternatives=2), **FACTS) == ["a", "other"]
    assert jobs(text, Limits(rule_alternatives=1), **FACTS) == ["other"]


def test_patterns_of_an_include_may_be_more_than_those_of_a_job() -> None:
    include = "include: [{local: b.yml, rules: [{changes: [v, w, x]}]}]" + OTHER
    assert sorted(jobs(include, Limits(rule_patterns=2), **FACTS)) == ["a", "other"]
    assert errors("a: {script: x, rules: [{changes: [v, w, x]}]}", Limits(rule_patterns=2)) == [
        "jobs:a:rules:rule:changes config has too many entries (maximum 2)"
    ]


@pytest.mark.parametrize(("comparisons", "why"), [(2, "no file that changed is among them"), (1, "")])
def test_explaining_a_rule_asks_it_under_the_same_limits(comparisons: int, why: str) -> None:
    text = "a: {script: x, rules: [{changes: ['*.py']}]}" + OTHER
    limits = Limits(rule_comparisons=comparisons)
    found = compiled(text, limits, **FACTS)
    assert found.merged is not None
    facts = facts_of({}, {"changed": FACTS["changed"]})
    origins = origins_of(found.merged)
    explained = explain("a", found.merged, origins, found.pipeline, Layers(), "", facts, limits)
    assert [rule.why for rule in explained.rules] == [why]


def test_explaining_an_expression_reads_it_under_the_same_limits() -> None:
    text = f"a: {{script: x, rules: [{{if: '{'!' * 100}$A', changes: ['*.py']}}]}}"
    limits = Limits(expression_tokens=102)
    found = compiled(text + OTHER, limits, **FACTS)
    assert errors(text + OTHER, **FACTS) == ["jobs:a:rules:rule if invalid expression syntax"]
    assert found.merged is not None
    facts = facts_of({}, {"changed": FACTS["changed"]})
    origins = origins_of(found.merged)
    explained = explain("a", found.merged, origins, found.pipeline, Layers(), "", facts, limits)
    assert [rule.why for rule in explained.rules] == ["A is not set"]


# Problems

WRONG = "\n".join(f"{name}: {{script: x, scrpt: y}}" for name in "abc")


@pytest.mark.parametrize(("limit", "told"), [(200, "abc"), (3, "abc"), (2, "ab"), (1, "a"), (0, "a")])
def test_as_many_problems_as_the_limit_are_told_but_never_none(limit: int, told: str) -> None:
    found = compiled(WRONG, Limits(problems=limit))
    assert not found.valid
    assert [problem.job for problem in found.errors] == list(told)


def test_problems_of_included_files_count_too() -> None:
    text = "include: [b.yml, c.yml, d.yml]\na: {script: x}"
    files = {f"{name}.yml": "a: [" for name in "bcd"}
    assert len(errors(text, files=files)) == 3
    assert len(errors(text, Limits(problems=2), files=files)) == 2


def test_problems_of_the_pipeline_itself_count_too() -> None:
    absent = "n: {script: x, rules: [{when: never}]}\n"
    text = absent + "\n".join(f"{name}: {{script: x, needs: [n]}}" for name in "abc")
    assert len(errors(text)) == 3
    assert len(errors(text, Limits(problems=2))) == 2


def test_warnings_are_told_up_to_the_limit_and_not_of_jobs_that_are_wrong() -> None:
    text = "\n".join(f"{name}: {{script: x, rules: [{{when: always}}]}}" for name in "abc")
    assert len(compiled(text).warnings) == 3
    assert len(compiled(text, Limits(problems=2)).warnings) == 2
    faulty = WRONG.replace("scrpt: y", "scrpt: y, rules: [{when: always}]")
    assert compiled(faulty, Limits(problems=1)).warnings == compiled(faulty).warnings == ()


def test_limits_are_chosen_by_name() -> None:
    assert chosen_limits({}) == Limits()
    assert chosen_limits({"includes": 300, "problems": 5}) == Limits(includes=300, problems=5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inclodes": 300}, "There is no limit 'inclodes'"),
        ({"includes": -1}, "includes must be a whole number from 0 on, not -1"),
        ({"includes": "300"}, "not '300'"),
        ({"includes": True}, "not True"),
    ],
)
def test_a_limit_that_is_not_one_is_refused_by_its_name(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        chosen_limits(values)
