"""`shipline runner register`: with a real coordinator, and with one that still takes registration tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Ended, Place
from tests.coordinator.server import Coordinator, Runner
from tests.runner.scripted import Reply, Scripted

from shipline.runner.config_file import load


def register(place: Place, path: Path, *words: str, stdin: str = "") -> Ended:
    return place.run("runner", "register", "--config", str(path), *words, stdin=stdin)


def test_a_runner_of_the_coordinator_s_becomes_an_entry(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    ended = register(
        place, path, "--non-interactive", "--url", coordinator.url, "--token", token.token, "--name", "here",
        "--limit", "2", "--env", "A=1 2", "--env", "B=3", "--docker-image", "alpine:3.20",
        "--docker-privileged", "--docker-volumes", "/cache", "--docker-pull-policy", "if-not-present",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f'Registered "here" at {coordinator.url}; it is in {path}.')
    assert "shipline runner run" in ended.out
    assert path.stat().st_mode & 0o777 == 0o600
    config = load(path)
    (runner,) = config.runners
    assert config.warnings == ()
    assert (runner.name, runner.url, runner.token) == ("here", coordinator.url, token.token)
    assert (runner.id, runner.executor, runner.limit) == (token.id, "docker", 2)
    assert runner.environment == ("A=1 2", "B=3")
    assert runner.token_obtained_at is not None
    docker = runner.docker
    assert (docker.image, docker.privileged, docker.volumes) == ("alpine:3.20", True, ("/cache",))
    assert docker.pull_policy == ("if-not-present",)
    assert token.token not in ended.out + ended.err


def test_what_is_not_given_is_asked_for(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    answers = f"{coordinator.url}\n{token.token}\nasked\n\nalpine:3.20\n"
    ended = register(place, path, stdin=answers)
    assert ended.code == 0, ended.err
    (runner,) = load(path).runners
    assert (runner.name, runner.executor, runner.docker.image) == ("asked", "docker", "alpine:3.20")


def test_gitlab_runner_s_variables_are_read(path: Path, coordinator: Coordinator, token: Runner) -> None:
    variables = {
        "CONFIG_FILE": str(path),
        "CI_SERVER_URL": coordinator.url,
        "CI_SERVER_TOKEN": token.token,
        "REGISTER_NON_INTERACTIVE": "true",
        "RUNNER_NAME": "by-variables",
        "RUNNER_EXECUTOR": "docker",
        "RUNNER_ENV": "A=1 2,B=3",
        "DOCKER_VOLUMES": "/cache,/a:/b",
    }
    words = [sys.executable, "-m", "shipline", "runner", "register"]
    ended = subprocess.run(words, env=os.environ | variables, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (runner,) = load(path).runners
    assert (runner.name, runner.environment) == ("by-variables", ("A=1 2", "B=3"))
    assert runner.docker.volumes == ("/cache", "/a:/b")


def test_entries_that_are_there_stay(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    path.parent.mkdir()
    before = '# mine\nconcurrent = 7\n[[runners]]\nname = "old"\nurl = "http://c"\ntoken = "t"\n'
    path.write_text(before)
    ended = register(place, path, "-n", "-u", coordinator.url, "-t", token.token, "--name", "new")
    assert ended.code == 0, ended.err
    assert path.read_text().startswith(before)
    assert [one.name for one in load(path).runners] == ["old", "new"]


def test_the_same_token_twice_is_refused(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    words = ("-n", "-u", coordinator.url, "-t", token.token)
    assert register(place, path, *words).code == 0
    ended = register(place, path, *words)
    assert (ended.code, len(load(path).runners)) == (2, 1)
    assert "has this token already" in ended.err


def test_a_token_that_the_coordinator_does_not_know_writes_nothing(
    place: Place, path: Path, coordinator: Coordinator
) -> None:
    ended = register(place, path, "-n", "-u", coordinator.url, "-t", "glrt-secretly-wrong")
    assert ended.code == 1
    assert ended.err.startswith(f"shipline: {coordinator.url} does not accept the runner's token: 403")
    assert "secretly" not in ended.err
    assert not path.exists()


def test_nobody_at_the_address_is_told_in_a_sentence(place: Place, path: Path, script: Scripted) -> None:
    ended = register(place, path, "-n", "-u", "http://127.0.0.1:9", "-t", "glrt-x")
    assert ended.code == 1
    assert "cannot be reached" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("--tag-list", "a,b"),
        ("--run-untagged", "true"),
        ("--locked", "false"),
        ("--access-level", "ref_protected"),
        ("--maximum-timeout", "600"),
        ("--paused", "true"),
        ("--maintenance-note", "x"),
    ],
)
def test_what_the_coordinator_decides_cannot_be_given_with_its_own_token(
    place: Place, path: Path, words: tuple[str, str]
) -> None:
    ended = register(place, path, "-n", "-u", "http://127.0.0.1:9", "-t", "glrt-x", *words)
    assert ended.code == 2
    assert f"{words[0]} cannot be given with a glrt- token: the coordinator decides that." in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-t", "glrt-x"), "--url is missing."),
        (("-u", "http://c"), "--token is missing."),
        (("-u", "c.example", "-t", "glrt-x"), "url must be an address that begins with http:// or https://"),
        (
            ("-u", "http://c", "-t", "glrt-x", "--executor", "kubernetes"),
            "Those that are there: docker, shell.",
        ),
        (
            ("-u", "http://c", "-t", "glrt-x", "--docker-pull-policy", "sometimes"),
            'pull_policy must be a list of "always", "if-not-present", "never"',
        ),
        (
            ("-u", "http://c", "-t", "glrt-x", "-r", "y"),
            "--token and --registration-token cannot go together.",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_told_before_anybody_is_called(
    place: Place, path: Path, words: tuple[str, ...], said: str
) -> None:
    ended = register(place, path, "--non-interactive", *words)
    assert ended.code == 2
    assert said in ended.err
    assert not path.exists()


def test_a_registration_token_makes_a_runner_with_what_was_asked_for(
    place: Place, path: Path, script: Scripted
) -> None:
    made = {"id": 12, "token": "glrtr-made", "token_expires_at": "2027-01-01T00:00:00.000Z"}
    script.says("POST /runners", Reply(201, made))
    ended = register(
        place, path, "-n", "-u", script.url, "-r", "GR1348941secret", "--name", "old way", "--tag-list", "a,b",
        "--run-untagged", "true", "--locked", "false", "--access-level", "ref_protected",
        "--maximum-timeout", "600", "--paused", "true", "--maintenance-note", "why",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    body = script.calls("POST /runners")[0].json()
    assert body.pop("info")["features"]["refspecs"] is True
    assert body == {
        "token": "GR1348941secret",
        "description": "old way",
        "tag_list": "a,b",
        "run_untagged": True,
        "locked": False,
        "access_level": "ref_protected",
        "maximum_timeout": 600,
        "paused": True,
        "maintenance_note": "why",
    }
    (runner,) = load(path).runners
    assert (runner.token, runner.id) == ("glrtr-made", 12)
    assert runner.token_expires_at is not None
    assert runner.token_expires_at.isoformat() == "2027-01-01T00:00:00+00:00"
    assert "secret" not in path.read_text()


def test_a_coordinator_that_takes_no_registration_tokens_says_what_to_do(
    place: Place, path: Path, script: Scripted
) -> None:
    script.says("POST /runners", Reply(410, {"message": "410 Gone - runner registration disallowed"}))
    ended = register(place, path, "-n", "-u", script.url, "-r", "GR1348941secret")
    assert ended.code == 1
    assert "takes no registration tokens any more: 410 (Gone - runner registration disallowed)" in ended.err
    assert "glrt- token" in ended.err


def test_an_old_server_s_bare_answer_to_verify_is_enough(place: Place, path: Path, script: Scripted) -> None:
    script.says("POST /runners/verify", Reply(200, "200"))
    ended = register(
        place, path, "-n", "-u", script.url, "-t", "glrt-x", "--executor", "shell", "--shell", "sh"
    )
    assert ended.code == 0, ended.err
    (runner,) = load(path).runners
    assert (runner.token, runner.id, runner.executor, runner.shell) == ("glrt-x", 0, "shell", "sh")
    asked = script.calls("POST /runners/verify")[0].json()
    known = (path.parent / ".runner_system_id").read_text()
    assert (asked["system_id"], asked["info"]["executor"]) == (known, "shell")


TEMPLATE = """
concurrent = 7
[[runners]]
limit = 3
executor = "docker"
environment = ["A=1"]
[runners.feature_flags]
FF_SCRIPT_SECTIONS = true
[runners.docker]
Image = "alpine:3.20"
privileged = true
memory = "1g"
[[runners.docker.services]]
name = "postgres:16"
alias = "db"
[runners.cache]
Type = "s3"
[runners.cache.s3]
BucketName = "store"
"""


def test_a_template_gives_what_no_flag_says(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    template = place.write("template.toml", TEMPLATE)
    ended = register(
        place, path, "-n", "-u", coordinator.url, "-t", token.token, "--name", "here", "--limit", "2",
        "--docker-image", "debian:bookworm", "--template-config", str(template),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.err == (
        f"warning: {template}: of a template only its entry's settings are taken; without effect: concurrent.\n"
    )
    config = load(path)
    (runner,) = config.runners
    assert (config.concurrent, config.warnings) == (1, ())
    assert (runner.name, runner.token, runner.id) == ("here", token.token, token.id)
    assert (runner.limit, runner.executor, runner.environment) == (2, "docker", ("A=1",))
    assert runner.feature_flags == {"FF_SCRIPT_SECTIONS": True}
    docker = runner.docker
    assert (docker.image, docker.privileged, docker.memory) == ("debian:bookworm", True, "1g")
    assert [(one.name, one.alias) for one in docker.services] == [("postgres:16", "db")]
    assert (runner.cache.type, runner.cache.s3.bucket_name) == ("s3", "store")


def test_what_a_template_says_is_not_asked_for(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    entry = f'[[runners]]\nname = "templated"\nurl = "{coordinator.url}"\nexecutor = "shell"\ntoken = "glrt-old"\n'
    template = place.write("template.toml", entry)
    ended = register(place, path, "--template-config", str(template), stdin=f"{token.token}\n")
    assert ended.code == 0, ended.err
    (runner,) = load(path).runners
    assert (runner.name, runner.executor, runner.token) == ("templated", "shell", token.token)
    assert "without effect: token." in ended.err
    assert "glrt-old" not in path.read_text() + ended.err + ended.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no template: it must have one [[runners]] entry"),
        ("[[runners]]\n[[runners]]\n", "is no template: it must have one [[runners]] entry"),
        ("[runners]\n", "is no template: it must have one [[runners]] entry"),
        ("runners = ", "is not valid TOML"),
        ('[[runners]]\nlimit = "2"\n', 'limit must be a whole number, 0 or more, not "2"'),
        ("[[runners]]\n[runners.docker]\nimage = 3\n", "image must be text in quotes, not 3"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_template_that_is_wrong_is_told_by_its_name_before_anybody_is_called(
    place: Place, path: Path, text: str | None, said: str
) -> None:
    template = place.root / "template.toml"
    if text is not None:
        template.write_text(text)
    ended = register(
        place, path, "-n", "-u", "http://127.0.0.1:9", "-t", "glrt-x", "--template-config", str(template)
    )
    assert ended.code == 2
    assert str(template) in ended.err
    assert said in ended.err
    assert not path.exists()
