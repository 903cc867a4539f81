"""`inputs` of a job: given values are held to what the job says of them, and put into it."""

from __future__ import annotations

from typing import Any

import pytest

from shipline.coordinator.job_inputs import InvalidInputs, checked_inputs, with_inputs, with_values
from shipline.model.definition import Image, JobDefinition, JobInput

JOB = JobDefinition(
    "deploy",
    "deploy",
    (
        "make ${{ job.inputs.where }} N=${{job.inputs.count}}",
        "echo ${{ job.inputs.list }} ${{ job.inputs.else }}",
    ),
    image=Image("app:${{ job.inputs.where }}"),
    inputs=(
        JobInput("where", "staging", options=("staging", "production")),
        JobInput("count", 2, "number"),
        JobInput("list", ["a"], "array"),
        JobInput("dry", False, "boolean"),
        JobInput("version", "v1", regex=r"^v\d+$"),
    ),
)


def test_defaults_stand_where_nothing_was_given() -> None:
    made = with_inputs(JOB, {})
    assert made.script == ("make staging N=2", 'echo ["a"] ${{ job.inputs.else }}')
    assert made.image == Image("app:staging")


def test_given_values_stand_before_defaults() -> None:
    made = with_inputs(JOB, {"where": "production", "count": 3})
    assert made.script[0] == "make production N=3"


def test_a_value_that_looks_like_a_block_is_not_read_again() -> None:
    made = with_inputs(JOB, {"where": "${{ job.inputs.count }}"})
    assert made.script[0] == "make ${{ job.inputs.count }} N=2"


def test_a_runner_that_puts_them_in_itself_finds_the_values_as_defaults() -> None:
    made = with_values(JOB, {"where": "production"})
    assert made.script == JOB.script
    assert [one.default for one in made.inputs][:2] == ["production", 2]
    assert with_inputs(JOB, {}).inputs == ()


def test_texts_for_other_types_are_read_as_json() -> None:
    given = {"count": "7", "dry": "true", "list": '["x", 1]', "where": "production"}
    expected = {"count": 7, "dry": True, "list": ["x", 1], "where": "production"}
    assert checked_inputs(JOB, given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"who": "me"}, "unknown input arguments: who; deploy has: where, count, list, dry, version"),
        (
            {"where": "mars"},
            "`where` input: `mars` cannot be used because it is not in the list of allowed options",
        ),
        ({"count": "many"}, "`count` input: provided value is not a number"),
        ({"count": True}, "`count` input: provided value is not a number"),
        ({"dry": "perhaps"}, "`dry` input: provided value is not a boolean"),
        ({"list": {}}, "`list` input: provided value is not an array"),
        ({"version": "1"}, "`version` input: provided value does not match required RegEx pattern"),
    ],
)
def test_wrong_values_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputs) as refused:
        checked_inputs(JOB, given)
    assert str(refused.value) == words
