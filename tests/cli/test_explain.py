"""`shipline explain`: where each value comes from."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cli.conftest import Place

BASE = """\
.base:
  image: {name: "python:3.11", entrypoint: [""]}
  variables: {FROM_BASE: a, BOTH: base}
  tags: [docker]
"""
CONFIG = """\
include: ci/base.yml
default:
  retry: 1
variables: {GLOBAL: g, BOTH: global}
.setup:
  script: [pip install .]
unit test:
  extends: .base
  variables: {OWN: o}
  image: {name: "python:3.12"}
  script:
    - !reference [.setup, script]
    - pytest
ship:
  stage: deploy
  script: [ship]
  inherit: {default: false, variables: [GLOBAL]}
  rules:
    - if: $CI_COMMIT_TAG
"""


@pytest.fixture
def project(place: Place) -> Place:
    place.config(CONFIG)
    place.write("ci/base.yml", BASE)
    return place


def explained(place: Place, *words: str) -> dict[str, Any]:
    found = place.run("explain", "--format", "json", *words)
    assert found.code == 0, found.err
    document: dict[str, Any] = found.json()
    return document


def told(entries: list[dict[str, Any]]) -> list[tuple[str, Any, str, str | None, int | None]]:
    return [(e["name"], e["value"], e["from"], e["file"], e["line"]) for e in entries]


def test_each_keyword_names_the_place_that_it_comes_from(project: Place) -> None:
    main = ".gitlab-ci.yml"
    found = told(explained(project, "unit test")["keywords"])
    assert ("image.name", "python:3.12", "the job itself", main, 10) in found
    assert ("image.entrypoint", [""], "extends .base", "ci/base.yml", 2) in found
    assert ("tags", ["docker"], "extends .base", "ci/base.yml", 4) in found
    assert ("retry", 1, "default", main, 3) in found
    assert ("stage", "test", "GitLab's default", None, None) in found
    scripts = [entry for entry in found if entry[0] == "script"]
    assert [(entry[2], entry[4]) for entry in scripts] == [
        ("!reference or anchor in .setup", 6),
        ("the job itself", 13),
    ]


def test_each_variable_names_the_layer_that_won(project: Place) -> None:
    found = told(explained(project, "unit test", "--var", "OWN=mine")["variables"])
    assert found == [
        ("OWN", "mine", "a pipeline variable", None, None),
        ("FROM_BASE", "a", "extends .base", "ci/base.yml", 3),
        ("BOTH", "base", "extends .base", "ci/base.yml", 3),
        ("GLOBAL", "g", "global variables", ".gitlab-ci.yml", 4),
    ]


def test_what_a_job_does_not_inherit_is_not_told(project: Place) -> None:
    found = explained(project, "ship", "--tag", "v1")
    assert found["included"]
    assert "retry" not in [entry["name"] for entry in found["keywords"]]
    assert [entry["name"] for entry in found["variables"]] == ["GLOBAL"]


def test_a_job_that_is_not_in_the_pipeline_is_explained_too(project: Place) -> None:
    assert not explained(project, "ship")["included"]
    ended = project.run("explain", "ship")
    assert ended.out.startswith("ship  not in the pipeline for a push to main\n")


def test_a_misspelt_job_gets_a_hint(project: Place) -> None:
    ended = project.run("explain", "Unit-tst")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "shipline: .gitlab-ci.yml has no job 'Unit-tst'. Did you mean 'unit test'?\n"


def test_templates_and_keywords_are_no_jobs(project: Place) -> None:
    assert project.run("explain", ".base").code == 2
    assert project.run("explain", "default").code == 2


RULED = """\
workflow:
  rules:
    - if: $CI_COMMIT_BRANCH
      variables: {FLOW: w}
test:
  script: [x]
  parallel:
    matrix:
      - DB: [a, b]
  rules:
    - if: $CI_COMMIT_TAG
      when: never
    - if: $DB == "a"
      when: manual
      variables: {RULED: r}
"""


def test_which_rule_matched_is_told_and_what_it_changed(place: Place) -> None:
    place.config(RULED)
    found = explained(place, "test: [a]")
    assert found["why"].startswith("rule 2 of 2 matches (.gitlab-ci.yml:13)")
    assert ("when", "manual", "the rule that matched", ".gitlab-ci.yml", 14) in told(found["keywords"])
    assert told(found["variables"]) == [
        ("RULED", "r", "the rule that matched", ".gitlab-ci.yml", 15),
        ("DB", "a", "parallel", None, None),
        ("FLOW", "w", "workflow:rules", ".gitlab-ci.yml", 4),
    ]


def test_why_no_rule_matched_is_told(place: Place) -> None:
    place.config(RULED)
    found = explained(place, "test: [b]")
    assert (found["included"], found["why"]) == (False, "none of its 2 rules match")


def test_a_parallel_job_is_explained_with_its_instances(place: Place) -> None:
    place.config(RULED)
    found = explained(place, "test")
    assert (found["included"], found["jobs"]) == (True, ["test: [a]"])


def test_a_pipeline_that_the_workflow_keeps_out_is_the_reason(place: Place) -> None:
    place.config(RULED)
    ended = place.run("explain", "test", "--tag", "v1")
    assert "Pipeline filtered out by workflow rules." in ended.out


def test_each_rule_says_what_became_of_it_and_with_which_values(place: Place) -> None:
    place.config(
        "a:\n"
        "  script: x\n"
        "  variables: {MODE: fast}\n"
        "  rules:\n"
        "    - if: $CI_COMMIT_TAG\n"
        "      when: never\n"
        '    - if: $MODE == "fast"\n'
        "      changes: [docs/*]\n"
        "    - exists: [Dockerfile]\n"
        "    - if: $MODE =~ /^f/\n"
        "      variables: {MODE: slow}\n"
        "    - when: never\n"
    )
    rules = explained(place, "a")["rules"]
    assert [(rule["number"], rule["rule"], rule["holds"], rule["why"], rule["line"]) for rule in rules] == [
        (1, "if: $CI_COMMIT_TAG, when: never", False, "CI_COMMIT_TAG is not set", 5),
        (2, 'if: $MODE == "fast", changes: docs/*', False, "no file that changed is among them", 7),
        (3, "exists: Dockerfile", False, "no file of the repository is among them", 9),
        (4, "if: $MODE =~ /^f/", True, 'MODE is "fast"', 10),
        (5, "when: never", None, "", 12),
    ]
    given = explained(place, "a", "--var", "MODE=x")["rules"]
    assert [rule["why"] for rule in given[1::2]] == ['MODE is "x"', 'MODE is "x"']
