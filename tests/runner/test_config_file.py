"""config.toml: what is read, what is refused, what is only warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipline.errors import UsageError
from shipline.runner.config_file import ConfigFile, DockerSection, RunnerSection, load
from shipline.version import __version__

NEEDED = 'name = "r"\nurl = "http://c:8080"\ntoken = "glrt-abc"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, text: str) -> ConfigFile:
    path.write_text(text)
    return load(path)


def test_a_whole_file_is_read(path: Path) -> None:
    config = read(
        path,
        """
concurrent = 4
check_interval = 1

[[runners]]
name = "one"
url = "http://127.0.0.1:8080"
token = "glrt-0123456789abcdef"
executor = "docker"
clone_url = "http://c.internal:8080"
owner = "0a1b2c"
limit = 2
output_limit = 8
environment = ["A=1", "B=2"]

[runners.docker]
image = "python:3.11-slim"
privileged = true
pull_policy = ["always", "if-not-present"]
extra_hosts = ["c.internal:10.0.0.1"]
volumes = ["/certs/client", "/a:/b:ro"]
wait_for_services_timeout = 5
host = "unix:///run/docker.sock"
[runners.docker.registry_aliases]
"registry.internal:5050" = "127.0.0.1:5050"

[[runners]]
name = "two"
url = "http://127.0.0.1:8080"
token = "glrt-b"
""",
    )
    assert (config.concurrent, config.check_interval, config.warnings) == (4, 1, ())
    assert config.runners[0] == RunnerSection(
        name="one",
        url="http://127.0.0.1:8080",
        token="glrt-0123456789abcdef",
        clone_url="http://c.internal:8080",
        owner="0a1b2c",
        limit=2,
        output_limit=8,
        environment=("A=1", "B=2"),
        docker=DockerSection(
            image="python:3.11-slim",
            privileged=True,
            pull_policy=("always", "if-not-present"),
            extra_hosts=("c.internal:10.0.0.1",),
            volumes=("/certs/client", "/a:/b:ro"),
            wait_for_services_timeout=5,
            host="unix:///run/docker.sock",
            registry_aliases={"registry.internal:5050": "127.0.0.1:5050"},
        ),
    )
    assert config.runners[1].name == "two"


def test_what_is_not_written_has_its_default(path: Path) -> None:
    assert read(path, "") == ConfigFile(concurrent=1, check_interval=3, runners=(), warnings=())
    (runner,) = read(path, f"[[runners]]\n{NEEDED}").runners
    assert (runner.executor, runner.clone_url, runner.environment) == ("docker", "", ())
    assert runner.docker == DockerSection()
    assert not runner.docker.privileged
    assert runner.docker.pull_policy == ("always",)
    assert runner.docker.helper_image == f"shipline/helper:{__version__}"


def test_one_pull_policy_may_stand_without_brackets(path: Path) -> None:
    (runner,) = read(path, f'[[runners]]\n{NEEDED}[runners.docker]\npull_policy = "never"').runners
    assert runner.docker.pull_policy == ("never",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("shutdown_timeout = 5", "shutdown_timeout"),
        ('warnings = ["x"]', "warnings"),
        ("[session_server]\ntimeout = 5", "session_server"),
        (f"[[runners]]\n{NEEDED}request_concurrency = 2", "[[runners]] request_concurrency"),
        (f"[[runners]]\n{NEEDED}[runners.cache]\nShared = true", "[[runners]] cache"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\ntls_verify = false", "[runners.docker] tls_verify"),
    ],
)
def test_a_key_that_is_not_known_is_warned_of_and_has_no_effect(path: Path, text: str, named: str) -> None:
    config = read(path, text)
    assert config.warnings == (f"{path}: {named} is not known and has no effect.",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('concurrent = "4"', "concurrent"),
        ("concurrent = true", "concurrent"),
        ("check_interval = 1.5", "check_interval"),
        (f"[[runners]]\n{NEEDED}environment = 'A=1'", "environment"),
        (f"[[runners]]\n{NEEDED}environment = [1]", "environment"),
        ("[[runners]]\nname = 1\nurl = 'u'\ntoken = 't'", "name"),
        (f"[[runners]]\n{NEEDED}limit = '1'", "limit"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nprivileged = 1", "privileged"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nvolumes = '/a:/b'", "volumes"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nvolumes = [['/a', '/b']]", "volumes"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nregistry_aliases = 'a'", "registry_aliases"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nregistry_aliases = ['a']", "registry_aliases"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nregistry_aliases = {{ a = 1 }}", "registry_aliases"),
    ],
)
def test_a_wrong_type_is_refused_with_its_key(path: Path, text: str, named: str) -> None:
    with pytest.raises(UsageError, match=rf"config\.toml: .*{named} has the wrong type"):
        read(path, text)


@pytest.mark.parametrize("missing", ["name", "url", "token"])
def test_a_runner_without_what_it_needs_is_refused(path: Path, missing: str) -> None:
    lines = [line for line in NEEDED.splitlines() if not line.startswith(missing)]
    with pytest.raises(UsageError, match=f"has no {missing}"):
        read(path, "[[runners]]\n" + "\n".join(lines))


def test_an_empty_token_is_none(path: Path) -> None:
    with pytest.raises(UsageError, match="has no token"):
        read(path, f"[[runners]]\n{NEEDED}".replace("glrt-abc", ""))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[runners]\nname = 'r'", r"write \[\[runners\]\]"),
        ("runners = [1]", r"\[\[runners\]\] must be a table"),
        (f"[[runners]]\n{NEEDED}docker = 'yes'", r"\[runners\.docker\] must be a table"),
        (f"[[runners]]\n{NEEDED}executor = 'shell'", "executor 'shell' is not there"),
        ("concurrent = ", "not valid TOML"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(path, text)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(UsageError, match="not valid TOML"):
        load(path)


def test_a_file_that_is_not_there_is_an_error_with_a_hint(path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no .*config") as caught:
        load(path)
    assert "--config" in caught.value.hint


@pytest.mark.parametrize(
    ("token", "short"),
    [("glrt-0123456789abcdef", "012345678"), ("glrtr-0123456789", "012345678"), ("abc", "abc")],
)
def test_the_short_token_leaves_the_prefix_out(token: str, short: str) -> None:
    assert RunnerSection("r", "u", token).short_token == short


def test_a_runner_does_not_show_its_token_when_it_is_printed() -> None:
    assert "secret" not in repr(RunnerSection("r", "u", "glrt-secret"))
