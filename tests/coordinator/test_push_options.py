"""`git push -o`: what is asked for, and what is said of what is not understood."""

from __future__ import annotations

from shipline.coordinator.push_options import PushOptions, read_options
from shipline.model.variable import Variable


def test_variables_are_given_with_or_without_quotes() -> None:
    found = read_options(["ci.variable=A=1", 'ci.variable="B=two words=2"', "ci.variable=C="])
    assert found.variables == (
        Variable("A", "1", public=False),
        Variable("B", "two words=2", public=False),
        Variable("C", "", public=False),
    )
    assert found.problems == ()


def test_inputs_skip_and_wait_are_known() -> None:
    found = read_options(["ci.input=env=prod", "ci.input=n=2", "ci.skip", "ci.wait"])
    assert (found.inputs, found.skip, found.wait) == ((("env", "prod"), ("n", "2")), True, True)


def test_merge_requests_are_asked_for() -> None:
    found = read_options(
        ["merge_request.create", "merge_request.target=main", "merge_request.title=Say hello",
         "merge_request.description=One\\nTwo", "merge_request.draft"]
    )  # fmt: skip
    assert found == PushOptions(
        merge_request=True, target="main", title="Say hello", description="One\nTwo", draft=True
    )


def test_what_is_not_understood_is_told() -> None:
    found = read_options(["ci.variable=A", "ci.wiat", "merge_request.label=x"])
    assert (
        found.problems[0]
        == 'The push option ci.variable takes a name and a value: -o ci.variable="NAME=VALUE"'
    )
    assert found.problems[1].startswith("The push option ci.wiat is not known; there are ci.skip, ")
    assert len(found.problems) == 2


def test_there_is_a_limit() -> None:
    found = read_options(f"ci.variable=V{number}=x" for number in range(500))
    assert len(found.variables) == 100
    assert found.problems == ("Only the first 100 push options were read.",)
