from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.compiler.golden import CONFIG, compile_case, compile_files, files_of

from shipline.compiler import Compiled
from shipline.model.definition import JobDefinition

CASES = sorted(Path(__file__).with_name("cases").iterdir())
STORED = TypeAdapter(JobDefinition)


def compiled(text: str, **facts: Any) -> Compiled:
    return compile_files({CONFIG: text.encode()}, facts)


def reasons(found: Compiled) -> dict[str, str]:
    return {decision.job: decision.reason for decision in found.decisions}


RULES = """
workflow:
  rules:
    - if: $CI_COMMIT_TAG
    - if: $CI_COMMIT_BRANCH
ships:
  script: echo
  rules:
    - if: $CI_COMMIT_TAG
      when: never
    - if: $CI_COMMIT_BRANCH
      when: manual
stays:
  script: echo
  rules:
    - if: $CI_COMMIT_BRANCH == "main"
      when: never
waits:
  script: echo
  rules:
    - if: $CI_COMMIT_TAG
    - changes: [docs/*]
only: {script: echo, only: [other]}
not: {script: echo, except: [main]}
always: {script: echo}
"""


def test_every_job_has_a_reason_for_being_in_the_pipeline_or_not() -> None:
    found = compiled(RULES, changed=["src/a"])
    assert reasons(found) == {
        "": "rule 2 of 2 matches (.gitlab-ci.yml:5)",
        "ships": "rule 2 of 2 matches (.gitlab-ci.yml:11) and says when: manual",
        "stays": "rule 1 of 1 matches (.gitlab-ci.yml:16) and says when: never",
        "waits": "none of its 2 rules match",
        "only": "`only` does not match",
        "not": "`except` matches",
        "always": "it has no rules, and workflow: rules let the pipeline through",
    }
    assert found.pipeline is not None
    included = {decision.job for decision in found.decisions if decision.included}
    assert included == {"", *(job.name for job in found.pipeline.jobs)}


def test_a_decision_points_at_its_rule() -> None:
    (decision,) = compiled("a:\n  script: echo\n  rules:\n    - if: $NO\n    - if: $CI\n").decisions
    assert decision.rule is not None
    assert decision.rule.line == 5


def test_a_pipeline_that_workflow_rules_keep_out_says_so() -> None:
    found = compiled("workflow: {rules: [{if: $NO}]}\na: {script: echo}")
    assert (found.filtered, found.pipeline) == (True, None)
    assert reasons(found) == {"": "its only rule does not match"}


def test_errors_of_jobs_needs_and_stages_are_told_at_once() -> None:
    found = compiled(
        "a: {script: echo, colour: red}\nb: {script: echo, needs: [nobody]}\nc: {script: echo, stage: ship}"
    )
    assert [problem.line for problem in found.errors] == [1, 2, 3]


def test_nothing_is_said_of_needs_of_a_faulty_job() -> None:
    found = compiled("a: {stage: build}\nb: {script: echo, needs: [a]}")
    assert [problem.message for problem in found.errors] == [
        "jobs a config should implement the script:, run:, or trigger: keyword"
    ]


def test_the_merged_configuration_is_there_for_what_is_wrong_too() -> None:
    found = compiled(".a: {script: echo}\nb: {extends: .a, colour: red}")
    assert found.merged is not None
    assert found.merged.plain()["b"]["script"] == "echo"


def test_thousands_of_jobs_that_need_one_another_are_compiled() -> None:
    jobs = [f"job{n}: {{script: echo, needs: [{f'job{n - 1}' if n else ''}]}}" for n in range(3_000)]
    found = compiled("\n".join(jobs))
    assert found.pipeline is not None
    assert len(found.pipeline.jobs) == 3_000


@pytest.mark.parametrize("name", [folder.name for folder in CASES])
def test_jobs_are_stored_as_json_and_come_back_the_same(name: str) -> None:
    pipeline = compile_case(CASES[0].parent / name).pipeline
    for job in pipeline.jobs if pipeline is not None else ():
        assert STORED.validate_json(STORED.dump_json(job)) == job


def test_rows_that_were_stored_by_an_older_version_come_back() -> None:
    written = {
        "name": "a",
        "stage": "test",
        "script": ["echo"],
        "needs": [{"job": "b"}],
        "image": {"name": "x"},
    }
    found = STORED.validate_python(written)
    assert (found.name, found.cache, found.environment, found.node_total) == ("a", (), None, None)


VALUES: list[Any] = [
    None, 5, 1.5, "x", "", " ", True, False, [], {}, [5], [None], [["x"]], {"a": 5}, {"a": {"b": ["c"]}},
    "$A/$B", "/(/",
]  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))]


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    tree = copy.deepcopy(tree)
    at = tree
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return tree


KEYWORD_CASES = [folder for folder in CASES if b"!reference" not in files_of(folder)[CONFIG]]


@given(st.data())
def test_whatever_a_person_writes_gives_a_pipeline_or_says_what_is_wrong(data: st.DataObject) -> None:
    folder = data.draw(st.sampled_from(KEYWORD_CASES))
    files = files_of(folder)
    try:
        tree = yaml.safe_load(files[CONFIG])
    except (yaml.YAMLError, ValueError):
        return
    for _ in range(data.draw(st.integers(1, 3))):
        tree = replaced(tree, data.draw(st.sampled_from(places(tree))), data.draw(st.sampled_from(VALUES)))
    found = compile_files({**files, CONFIG: yaml.safe_dump(tree, sort_keys=False).encode()}, {})
    assert (found.pipeline is None) == bool(found.errors)
    assert all(problem.message for problem in (*found.errors, *found.warnings))
