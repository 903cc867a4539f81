"""The options that say what a pipeline is for, seen through the jobs that it gets."""

from __future__ import annotations

import os

import pytest
from tests.cli.conftest import Folder, Place

RULED = """\
always: {script: x, rules: [{when: always}]}
on main: {script: x, rules: [{if: $CI_COMMIT_BRANCH == "main"}]}
on topic: {script: x, rules: [{if: $CI_COMMIT_BRANCH == "topic"}]}
on default: {script: x, rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]}
on tag: {script: x, rules: [{if: $CI_COMMIT_TAG == "v1"}]}
scheduled: {script: x, rules: [{if: $CI_PIPELINE_SOURCE == "schedule"}]}
merge: {script: x, rules: [{if: $CI_PIPELINE_SOURCE == "merge_request_event"}]}
wanted: {script: x, rules: [{if: $DEPLOY == "yes"}]}
theirs: {script: x, rules: [{if: $CI_PROJECT_PATH == "group/app"}]}
server: {script: x, rules: [{if: $CI_SERVER_HOST == "git.example.org"}]}
docs: {script: x, rules: [{changes: ["docs/**/*.md"]}]}
docker: {script: x, rules: [{exists: [Dockerfile]}]}
"""


def names(place: Place, *words: str) -> set[str]:
    found = place.run("list", "--format", "json", *words)
    assert found.code == 0, found.err
    return {row["name"] for row in found.json()} - {"always"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"on main", "on default"}),
        (("--ref", "topic"), {"on topic"}),
        (("--ref", "topic", "--default-branch", "topic"), {"on topic", "on default"}),
        (("--default-branch", "trunk"), {"on default"}),
        (("--tag", "v1"), {"on tag"}),
        (("--tag", "v2"), set()),
        (("--source", "schedule"), {"on main", "on default", "scheduled"}),
        (("--ref", "x", "--var", "DEPLOY=yes"), {"wanted"}),
        (("--ref", "x", "--var", "DEPLOY=yes=no"), set()),
        (("--ref", "x", "--project-path", "group/app"), {"theirs"}),
        (("--ref", "x", "--predefined", "CI_SERVER_HOST=git.example.org"), {"server"}),
        (("--ref", "x", "--changed", "a.py", "--changed", "docs/a/b.md"), {"docs"}),
        (("--ref", "x", "--changed", "a.py"), set()),
        (("--ref", "x", "--no-diff"), {"docs"}),
        (("--ref", "x", "--tracked", "a.py", "--tracked", "Dockerfile"), {"docker"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_each_fact_decides_what_it_should(place: Place, words: tuple[str, ...], expected: set[str]) -> None:
    place.config(RULED)
    assert names(place, *words) == expected


def test_the_branch_that_is_checked_out_is_the_ref(place: Place) -> None:
    place.config(RULED)
    place.git("init", "--quiet", "--initial-branch=topic")
    assert "on topic" in names(place)
    assert "on main" in names(place, "--ref", "main")


def test_a_lone_commit_counts_as_the_default_branch(place: Place) -> None:
    place.config(RULED)
    place.git("init", "--quiet", "--initial-branch=topic")
    place.git("add", ".")
    place.git("commit", "--quiet", "-m", "x")
    place.git("checkout", "--quiet", "--detach")
    assert names(place) == {"on main", "on default"}


def test_files_of_a_folder_without_git_all_exist(place: Place) -> None:
    place.config(RULED)
    place.write("Dockerfile", "")
    assert "docker" in names(place)


def test_only_what_git_tracks_exists(place: Place) -> None:
    place.config(RULED)
    place.write("Dockerfile", "")
    place.git("init", "--quiet")
    assert "docker" not in names(place)
    place.git("add", "Dockerfile")
    assert "docker" in names(place)


def test_a_merge_request_has_a_target(place: Place) -> None:
    place.config(
        "a: {script: x, rules: [{if: '$CI_MERGE_REQUEST_TARGET_BRANCH_NAME == \"release\"'}]}\n"
        "b: {script: x, rules: [{if: '$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME == \"topic\"'}]}\n"
        "c: {script: x}\n"
    )
    request = ("--source", "merge_request_event", "--ref", "topic")
    assert names(place, *request) == {"b"}
    assert names(place, *request, "--target-branch", "release") == {"a", "b"}


def test_compare_to_asks_git_unless_the_changes_are_named(place: Place) -> None:
    place.config("a: {script: x, rules: [{changes: {paths: [new.txt], compare_to: main}}]}\nb: {script: x}\n")
    place.git("init", "--quiet", "--initial-branch=main")
    place.git("add", ".")
    place.git("commit", "--quiet", "-m", "x")
    place.git("checkout", "--quiet", "-b", "topic")
    assert names(place) == {"b"}
    place.write("new.txt", "")
    place.git("add", ".")
    place.git("commit", "--quiet", "-m", "y")
    assert names(place) == {"a", "b"}
    assert names(place, "--changed", "other.txt") == {"b"}


def test_exists_looks_into_a_mapped_project(place: Place, folder: Folder) -> None:
    place.config(
        "a: {script: x, rules: [{exists: {paths: [Dockerfile], project: group/other}}]}\nb: {script: x}\n"
    )
    other = folder("other")
    other.write("Dockerfile", "")
    assert names(place, "--project", f"group/other={other.root}") == {"a", "b"}
    ended = place.run("lint", "--format", "json")
    assert (
        "rules:exists:project `group/other` not found or access denied"
        in ended.json()["errors"][0]["message"]
    )


def test_words_that_are_not_utf8_are_taken(place: Place) -> None:
    place.config(RULED)
    name = os.fsdecode(b"docs/caf\xe9.md")
    assert "docs" in names(place, "--changed", name, "--var", f"X={name}")
    assert place.run("lint", "--ref", name).code == 0
