"""`shipline list`: the jobs that a push would get."""

from __future__ import annotations

from tests.cli.conftest import Place

CONFIG = """\
stages: [build, test, deploy]
build: {stage: build, script: x}
lint: {stage: test, script: x, needs: [], allow_failure: true}
unit: {stage: test, script: x, needs: [build, lint]}
ship: {stage: deploy, script: x, when: manual}
"""


def test_the_table_has_a_row_for_each_job_in_pipeline_order(place: Place) -> None:
    place.config(CONFIG)
    ended = place.run("list")
    assert ended.code == 0
    rows = [line.split("  ") for line in ended.out.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()][:4] for row in rows]
    assert cells[0] == ["stage", "job", "when", "needs"]
    assert [row[:3] for row in cells[1:]] == [
        ["build", "build", "on_success"],
        ["test", "lint", "on_success, may fail"],
        ["test", "unit", "on_success"],
        ["deploy", "ship", "manual"],
    ]
    assert cells[2][3] == "nothing"
    assert cells[3][3] == "build, lint"


def test_json_says_the_same(place: Place) -> None:
    place.config(CONFIG)
    found = place.run("list", "--format", "json").json()
    assert [(row["stage"], row["name"], row["when"], row["needs"]) for row in found] == [
        ("build", "build", "on_success", None),
        ("test", "lint", "on_success", []),
        ("test", "unit", "on_success", ["build", "lint"]),
        ("deploy", "ship", "manual", None),
    ]


def test_a_file_that_is_not_valid_gives_errors_on_stderr_and_no_list(place: Place) -> None:
    place.config("a: {scrip: x}\n")
    ended = place.run("list")
    assert (ended.code, ended.out) == (1, "")
    assert ".gitlab-ci.yml:1:" in ended.err


def test_no_pipeline_is_said_and_no_error(place: Place) -> None:
    place.config("a: {script: x, rules: [{if: $CI_COMMIT_TAG}]}\n")
    ended = place.run("list")
    assert ended.code == 0
    assert "No pipeline for a push to main: Pipeline will not run" in ended.out


def test_each_job_says_why_it_is_there_and_with_all_why_it_is_not(place: Place) -> None:
    place.config(
        "a: {script: x}\nb: {script: x, rules: [{if: $CI_COMMIT_TAG}, {if: $CI_COMMIT_BRANCH}]}\n" + TAGGED
    )
    why = {row["name"]: row["why"] for row in place.run("list", "--all", "--format", "json").json()}
    assert why == {
        "a": "it has no rules, and runs for every branch and tag",
        "b": "rule 2 of 2 matches (.gitlab-ci.yml:2)",
        "c": "its only rule does not match",
    }
    assert [row["name"] for row in place.run("list", "--format", "json").json()] == ["a", "b"]


TAGGED = "c: {script: x, rules: [{if: $CI_COMMIT_TAG}]}\n"
