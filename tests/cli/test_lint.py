"""`shipline lint`: one object for programs; every error with its place for people."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Folder, Place

SMALL = """\
stages: [build, test]
.base:
  image: python:3.12
  tags: [docker]
compile:
  extends: .base
  stage: build
  variables: {TARGET: all}
  script: [make]
unit:
  stage: test
  needs: [compile]
  before_script: [pip install .]
  script: [pytest, ruff check]
  after_script: [rm -r cache]
  allow_failure: true
  interruptible: true
later:
  stage: test
  script: [sleep]
  when: delayed
  start_in: 30 minutes
  dependencies: []
"""


def test_json_of_a_valid_file_is_one_object_with_the_jobs_in_pipeline_order(place: Place) -> None:
    place.config(SMALL)
    ended = place.run("lint", "--format", "json")
    found = ended.json()
    assert (ended.code, ended.err) == (0, "")
    assert (found["valid"], found["pipeline_created"], found["errors"], found["warnings"]) == (
        True,
        True,
        [],
        [],
    )
    assert [job["name"] for job in found["jobs"]] == ["compile", "unit", "later"]
    compile_, unit, later = found["jobs"]
    assert compile_ | {"retry": None} == {
        "name": "compile",
        "stage": "build",
        "image": "python:3.12",
        "script": ["make"],
        "before_script": [],
        "after_script": [],
        "tags": ["docker"],
        "variables": {"TARGET": "all"},
        "when": "on_success",
        "start_in": None,
        "allow_failure": False,
        "needs": None,
        "dependencies": None,
        "coverage": None,
        "interruptible": None,
        "environment": None,
        "retry": None,
    }
    assert unit["before_script"] == ["pip install ."]
    assert unit["script"] == ["pytest", "ruff check"]
    assert unit["after_script"] == ["rm -r cache"]
    assert (unit["needs"], unit["allow_failure"], unit["interruptible"]) == (["compile"], True, True)
    assert (later["when"], later["start_in"], later["dependencies"]) == ("delayed", "30 minutes", [])
    # As GitLab prints it: the key stays, what it brought stands beside it.
    assert "extends: .base" in found["merged_yaml"]
    assert "compile:\n  image: python:3.12\n" in found["merged_yaml"]


def test_json_says_what_gitlabs_compiler_would(place: Place) -> None:
    place.config(
        "a:\n"
        "  script: x\n"
        "  image: {name: alpine, entrypoint: ['']}\n"
        "  coverage: '/\\d+%/'\n"
        "  environment: {name: prod, url: 'https://x'}\n"
        "  rules: [{when: delayed, start_in: 1 day, interruptible: false}]\n"
    )
    (job,) = place.run("lint", "--format", "json").json()["jobs"]
    assert (job["image"], job["image_entrypoint"]) == ("alpine", [""])
    assert (job["environment"], job["environment_url"]) == ("prod", "https://x")
    assert (job["when"], job["start_in"]) == ("delayed", "1 day")
    assert (job["coverage"], job["interruptible"]) == (r"\d+%", False)


def test_what_only_this_pipeline_lacks_leaves_the_file_valid(place: Place) -> None:
    place.config("a: {script: x, rules: [{if: $CI_COMMIT_TAG}]}\nb: {script: x, needs: [a]}\n")
    ended = place.run("lint", "--format", "json")
    found = ended.json()
    assert (ended.code, found["valid"], found["pipeline_created"]) == (0, True, False)
    assert found["errors"][0]["message"].startswith("'b' job needs 'a' job, but 'a' does not exist")
    said = place.run("lint").out
    assert "valid  .gitlab-ci.yml, but no pipeline for a push to main\n" in said
    assert ".gitlab-ci.yml:2:" in said


def test_json_of_errors_has_the_place_the_job_and_a_way_out(place: Place) -> None:
    place.config("build:\n  scrpt: [x]\n  script: [x]\n")
    ended = place.run("lint", "--format", "json")
    found = ended.json()
    assert ended.code == 1
    assert (found["valid"], found["pipeline_created"], found["jobs"]) == (False, False, [])
    assert found["errors"] == [
        {
            "message": "jobs:build config contains unknown keys: scrpt",
            "file": ".gitlab-ci.yml",
            "line": 2,
            "column": 3,
            "job": "build",
            "hint": "did you mean 'script'?",
            "ours": False,
        }
    ]


def test_a_valid_file_that_gives_no_pipeline_for_these_facts_is_valid(place: Place) -> None:
    place.config("a:\n  script: x\n  rules: [{if: $CI_COMMIT_TAG}]\n")
    ended = place.run("lint", "--format", "json")
    found = ended.json()
    assert (ended.code, found["valid"], found["pipeline_created"]) == (0, True, False)
    assert [error["message"] for error in found["errors"]] == [
        (
            "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being "
            "added to the pipeline."
        )
    ]
    assert place.run("lint", "--format", "json", "--tag", "v1").json()["pipeline_created"]


def test_people_see_the_line_with_a_caret_under_the_word(place: Place) -> None:
    place.config("build:\n  scrpt: [x]\n  script: [x]\n  tags: {a: b}\n")
    ended = place.run("lint")
    assert ended.code == 1
    assert ended.out == (
        ".gitlab-ci.yml:2:3: error: jobs:build config contains unknown keys: scrpt\n"
        "  2 |   scrpt: [x]\n"
        "    |   ^^^^^\n"
        "  job build\n"
        "  help did you mean 'script'?\n"
        "\n"
        ".gitlab-ci.yml:4:9: error: jobs:build:tags config should be an array of strings\n"
        "  4 |   tags: {a: b}\n"
        "    |         ^\n"
        "  job build\n"
        "\n"
        "not valid  .gitlab-ci.yml: 2 errors\n"
    )


def test_people_see_what_would_run(place: Place) -> None:
    place.config(SMALL)
    ended = place.run("lint")
    assert ended.code == 0
    assert ended.out == (
        "stage  jobs  names\n"
        "build  1     compile\n"
        "test   2     unit, later (delayed)\n"
        "\n"
        "valid  .gitlab-ci.yml: 3 jobs in 2 stages for a push to main\n"
    )


def test_a_line_in_an_included_file_is_shown_from_that_file(place: Place) -> None:
    place.config("include: ci/jobs.yml\na: {script: x}\n")
    place.write("ci/jobs.yml", "b:\n  script: x\n  stag: test\n")
    ended = place.run("lint")
    assert "ci/jobs.yml:3:3: error: jobs:b config contains unknown keys: stag" in ended.out
    assert "  3 |   stag: test\n" in ended.out


def test_control_characters_of_a_file_do_not_reach_the_terminal(place: Place) -> None:
    place.config('"a\\e[31mb":\n  script: x\n  "k\\e]0;title\\a": 1\n')
    ended = place.run("lint")
    assert ended.code == 1
    assert "\x1b" not in ended.out
    assert "\x07" not in ended.out


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_is_for_terminals_that_want_it(place: Place, environment: dict[str, str]) -> None:
    place.config(SMALL)
    printed = _on_a_terminal(place.root, {"TERM": "xterm"} | environment, "lint")
    assert ("\x1b[" in printed) == (not environment)


def _on_a_terminal(root: Path, environment: dict[str, str], *words: str) -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.execve(sys.executable, [sys.executable, "-m", "shipline", *words], environment)
    printed = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        printed += part
    os.close(terminal)
    os.waitpid(pid, 0)
    return printed.decode()


def test_a_missing_file_is_wrong_usage(place: Place) -> None:
    ended = place.run("lint")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "shipline: .gitlab-ci.yml cannot be read: No such file or directory. Name another one with --file.\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--ref", "a", "--tag", "b"),
        ("--no-diff", "--changed", "a"),
        ("--var", "novalue"),
        ("--project", "group/name=nowhere"),
        ("--source", "cron"),
        ("--format", "yaml"),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(place: Place, words: tuple[str, ...]) -> None:
    place.config(SMALL)
    ended = place.run("lint", *words)
    assert (ended.code, ended.out) == (2, "")
    assert "Error" in ended.err


def test_stdin_is_read_where_the_file_is_a_dash(place: Place) -> None:
    assert place.run("lint", "--file", "-", stdin=SMALL).code == 0
    assert place.run("lint", "--file", "-", stdin="a: {script: 1}").code == 1


def test_text_that_is_not_utf8_is_an_error_of_the_file(place: Place) -> None:
    (place.root / ".gitlab-ci.yml").write_bytes(b"a: {script: '\xff'}")
    ended = place.run("lint", "--format", "json")
    assert (ended.code, ended.json()["valid"]) == (1, False)


def test_local_includes_begin_at_the_files_folder_or_at_the_root_that_is_named(
    place: Place, folder: Folder
) -> None:
    place.write("sub/.gitlab-ci.yml", "include: /ci/jobs.yml\n")
    place.write("sub/ci/jobs.yml", "b: {script: x}\n")
    place.write("ci/jobs.yml", "a: {script: x}\n")
    place.write("ci/pipeline.yml", "include: /ci/jobs.yml\n")
    elsewhere = folder("elsewhere")
    names = [
        [job["name"] for job in where.run("lint", "--format", "json", "--file", file, *more).json()["jobs"]]
        for where, file, more in (
            (place, "sub/.gitlab-ci.yml", ()),
            (place, "ci/pipeline.yml", ()),
            (elsewhere, str(place.root / "sub/.gitlab-ci.yml"), ()),
            (elsewhere, str(place.root / "sub/.gitlab-ci.yml"), ("--root", str(place.root))),
        )
    ]
    assert names == [["b"], ["a"], ["b"], ["a"]]


def test_a_reader_that_goes_away_is_no_error(place: Place) -> None:
    place.config("".join(f"job{n}: {{script: x}}\n" for n in range(2000)))
    words = f"{sys.executable} -m shipline list | head -1"
    import subprocess

    ended = subprocess.run(["bash", "-c", words], cwd=place.root, capture_output=True, text=True)
    assert ended.stdout.startswith("stage")
    assert ended.stderr == ""


def test_lines_of_other_projects_and_components_are_shown_too(place: Place, folder: Folder) -> None:
    other = folder("other")
    other.write("a.yml", "include: b.yml\n")
    other.write("b.yml", "b:\n  script: x\n  stag: y\n")
    other.write("templates/lint.yml", "c:\n  script: x\n  imag: y\n")
    place.config(
        "include:\n  - {project: g/o, file: a.yml}\n  - component: gitlab.com/g/o/lint@main\na: {script: x}\n"
    )
    ended = place.run("lint", "--project", f"g/o={other.root}")
    assert "g/o:b.yml:3:3: error: jobs:b config contains unknown keys: stag\n  3 |   stag: y\n" in ended.out
    assert "g/o@main:templates/lint.yml:3:3: error: jobs:c config contains unknown keys: imag\n" in ended.out
    assert "  3 |   imag: y\n" in ended.out


def test_inputs_of_the_file_itself_can_be_given(place: Place) -> None:
    place.config("spec:\n  inputs:\n    job: {}\n---\n$[[ inputs.job ]]: {script: x}\n")
    assert place.run("lint").code == 1
    (job,) = place.run("lint", "--format", "json", "--input", "job=unit").json()["jobs"]
    assert job["name"] == "unit"
    assert place.run("explain", "unit", "--input", "job=unit").code == 0


def test_the_limits_of_another_server_are_given_by_name(place: Place) -> None:
    place.config("a: {script: x, parallel: 3}\n")
    assert place.run("lint").code == 0
    ended = place.run("lint", "--limit", "parallel=2")
    assert ended.code == 1
    assert "must be less than or equal to 2" in ended.out
    ended = place.run("lint", "--limit", "paralel=2")
    assert ended.code == 2
    assert "Did you mean 'parallel'?" in ended.err
    assert "whole number" in place.run("lint", "--limit", "parallel=-1").err


def test_what_many_jobs_have_from_one_place_is_told_once(place: Place) -> None:
    jobs = "".join(f"job-{number}: {{extends: .base, script: x}}\n" for number in range(8))
    place.config(f".base:\n  before_scirpt: [y]\n{jobs}other: {{script: x, stgae: test}}\n")
    said = place.run("lint").out
    assert said.count("before_scirpt: [y]") == 1
    assert "\n  jobs job-0, job-1, job-2, job-3, job-4, and 3 more\n" in said
    assert "\n  job other\n" in said
    assert "not valid  .gitlab-ci.yml: 9 errors" in said
    assert len(place.run("lint", "--format", "json").json()["errors"]) == 9
