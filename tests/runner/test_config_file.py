"""config.toml: what is read, what is refused, what is only warned of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipline.errors import UsageError
from shipline.runner.config.kinds import seconds
from shipline.runner.config_file import (
    CacheSection,
    ConfigFile,
    DockerSection,
    RunnerSection,
    S3Section,
    ServiceEntry,
    load,
)
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
    ("text", "said"),
    [
        ('warnings = ["x"]', "warnings is not known and has no effect."),
        ("concurent = 2", "concurent is not known and has no effect. Did you mean concurrent?"),
        (
            f"[[runners]]\n{NEEDED}enviroment = []",
            '[[runners]] "r": enviroment is not known and has no effect. Did you mean environment?',
        ),
        (
            f"[[runners]]\n{NEEDED}image = 'a'",
            '[[runners]] "r": image is not known and has no effect. It belongs under [runners.docker].',
        ),
        (
            f"[[runners]]\n{NEEDED}concurrent = 2",
            (
                '[[runners]] "r": concurrent is not known and has no effect. '
                "It belongs at the top, before [[runners]]."
            ),
        ),
        (
            f"[[runners]]\n{NEEDED}[runners.docker]\nprivilegd = true",
            (
                '[runners.docker] of [[runners]] "r": privilegd is not known and has no effect. '
                "Did you mean privileged?"
            ),
        ),
        (
            f"[[runners]]\n{NEEDED}[runners.cache]\nType = 'gcs'",
            (
                '[runners.cache] of [[runners]] "r": there is no cache of Type "gcs" yet; '
                "caches stay on this machine."
            ),
        ),
    ],
)
def test_a_key_that_is_not_known_is_warned_of_with_a_guess(path: Path, text: str, said: str) -> None:
    assert read(path, text).warnings == (f"{path}: {said}",)


def test_keys_that_only_gitlab_runner_has_are_named_in_one_warning(path: Path) -> None:
    text = f"""
connection_max_age = "15m"
[session_server]
session_timeout = 1800
[[runners]]
{NEEDED}
[runners.machine]
IdleCount = 2
[runners.docker]
tmpfs = {{ "/run" = "rw" }}
oom_score_adjust = 0
[runners.cache.s3]
RoleARN = "arn:aws:iam::1:role/x"
"""
    assert read(path, text).warnings == (
        (
            f"{path}: gitlab-runner knows these keys, shipline does not yet; they have no effect: session_server, "
            "[runners.docker] tmpfs, [runners.cache.s3] RoleARN, [[runners]] machine."
        ),
    )


WRONG = [
    ('concurrent = "4"', 'concurrent must be a whole number, 1 or more, not "4"'),
    ("concurrent = true", "concurrent must be a whole number, 1 or more, not true"),
    ("concurrent = 0", "concurrent must be a whole number, 1 or more, not 0"),
    ("check_interval = 1.5", "check_interval must be a whole number, 1 or more, not 1.5"),
    ('listen_address = "http://c"', 'listen_address must be HOST:PORT or :PORT, not "http://c"'),
    ('log_level = "loud"', 'log_level must be one of "debug", "info", "warning"'),
    (f"[[runners]]\n{NEEDED}environment = 'A=1'", 'environment must be a list of texts such as ["a", "b"]'),
    (f"[[runners]]\n{NEEDED}environment = [1]", "environment must be a list of texts"),
    ("[[runners]]\nname = 1\nurl = 'u'\ntoken = 't'", "number 1: name must be text in quotes, not 1"),
    (f"[[runners]]\n{NEEDED}limit = '1'", 'limit must be a whole number, 0 or more, not "1"'),
    (f"[[runners]]\n{NEEDED}limit = -1", "limit must be a whole number, 0 or more, not -1"),
    (f"[[runners]]\n{NEEDED}unhealthy_interval = 60", 'unhealthy_interval must be a time such as "1h30m"'),
    (f"[[runners]]\n{NEEDED}unhealthy_interval = 'soon'", 'or "90s", not "soon"'),
    (
        f"[[runners]]\n{NEEDED}token_expires_at = 'never'",
        "must be a date and time such as 2027-01-31T12:00:00Z",
    ),
    (f"[[runners]]\n{NEEDED}shell = 'pwsh'", 'shell must be one of "bash", "sh", not "pwsh"'),
    (
        f"[[runners]]\n{NEEDED}[runners.feature_flags]\nFF_X = 'on'",
        "feature_flags must be a table of true and",
    ),
    (f"[[runners]]\n{NEEDED}[runners.docker]\nprivileged = 1", "privileged must be true or false, not 1"),
    (f"[[runners]]\n{NEEDED}[runners.docker]\ncpus = 2", "cpus must be text in quotes, not 2"),
    (f"[[runners]]\n{NEEDED}[runners.docker]\nvolumes = '/a:/b'", "volumes must be a list of texts"),
    (f"[[runners]]\n{NEEDED}[runners.docker]\nvolumes = [['/a', '/b']]", "volumes must be a list of texts"),
    (
        f"[[runners]]\n{NEEDED}[runners.docker]\npull_policy = 'sometimes'",
        'pull_policy must be a list of "always", "if-not-present", "never", not "sometimes"',
    ),
    (f"[[runners]]\n{NEEDED}[runners.docker]\nregistry_aliases = 'a'", "registry_aliases must be a table of"),
    (
        f"[[runners]]\n{NEEDED}[runners.docker]\nregistry_aliases = ['a']",
        "must be a table of texts, not a list",
    ),
    (f"[[runners]]\n{NEEDED}[runners.docker]\nregistry_aliases = {{ a = 1 }}", "must be a table of texts"),
    (f"[[runners]]\n{NEEDED}[runners.cache]\nShared = 'yes'", "Shared must be true or false"),
    (
        f"[[runners]]\n{NEEDED}[runners.cache.s3]\nAuthenticationType = 'magic'",
        'AuthenticationType must be one of "access-key", "iam", not "magic"',
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_value_is_refused_with_place_key_and_what_was_expected(
    path: Path, text: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(path, text)
    assert caught.value.message.startswith(f"{path}: ")
    assert said in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "[[runners]]\nname = 'r'\nurl = 'http://c'\ntoken = [\"hidden\"]",
        f'[[runners]]\n{NEEDED}[runners.cache.s3]\nSecretKey = ["hidden"]',
        f'[[runners]]\n{NEEDED}environment = "PASSWORD=hidden"',
    ],
)
def test_a_secret_of_the_wrong_type_is_refused_without_showing_it(path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="not what is there") as caught:
        read(path, text)
    assert "hidden" not in str(caught.value)


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
        ("runners = [1]", r"\[\[runners\]\] number 1 must be a table, not 1"),
        (f"[[runners]]\n{NEEDED}docker = 'yes'", r"\[runners\.docker\] of .* must be a table"),
        (f"[[runners]]\n{NEEDED}[runners.docker]\nservices = {{ name = 'a' }}", "with two brackets"),
        (f"[[runners]]\n{NEEDED}[[runners.docker.services]]\nalias = 'a'", "services.* has no name"),
        (f"[[runners]]\n{NEEDED}executor = 'kubernetes'", 'there is no executor "kubernetes".*docker, shell'),
        *(
            (
                f"[[runners]]\nname = 'r'\nurl = '{url}'\ntoken = 't'",
                "url must be an address that begins with",
            )
            for url in ("c:8080", "http://", "http://[", "http://c:port", "https://c:99999999", "ftp://c")
        ),
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
    [
        ("glrt-0123456789abcdef", "012345678"),
        ("glrt-t1_0123456789abcdef", "012345678"),
        ("glrtr-0123456789", "012345678"),
        ("GR13489410123456789", "012345678"),
        ("abc", "abc"),
    ],
)
def test_the_short_token_leaves_the_prefix_out(token: str, short: str) -> None:
    assert RunnerSection("r", "u", token).short_token == short


def test_a_runner_does_not_show_its_secrets_when_it_is_printed() -> None:
    cache = CacheSection(s3=S3Section(access_key="secret1", secret_key="secret2", session_token="secret3"))
    runner = RunnerSection("r", "u", "glrt-secret4", environment=("PASSWORD=secret5",), cache=cache)
    assert "secret" not in repr(ConfigFile(runners=(runner,)))


def test_a_file_that_gitlab_runner_wrote_is_read_with_everything_it_says(path: Path) -> None:
    config = read(
        path,
        """
concurrent = 10
check_interval = 0
connection_max_age = "15m0s"
shutdown_timeout = 0
log_level = "warning"
log_format = "json"
listen_address = ":9252"

[[runners]]
  name = "ec2"
  limit = 3
  request_concurrency = 2
  output_limit = 0
  unhealthy_requests_limit = 5
  unhealthy_interval = "1h30m"
  url = "https://gitlab.example/"
  id = 17
  token = "glrt-t3_0123456789abcdef"
  token_obtained_at = 2026-01-01T00:00:00Z
  token_expires_at = 0001-01-01T00:00:00Z
  tls-ca-file = "/etc/ca.pem"
  executor = "docker"
  builds_dir = "/b"
  cache_dir = "/c"
  shell = "bash"
  pre_clone_script = "echo old name"
  post_build_script = "echo after"
  debug_trace_disabled = true
  [runners.custom_build_dir]
  [runners.feature_flags]
    FF_NETWORK_PER_BUILD = true
  [runners.cache]
    type = "s3"
    Path = "p"
    Shared = true
    MaxUploadedArchiveSize = 0
    [runners.cache.s3]
      ServerAddress = "s3.example"
      BucketName = "b"
      Insecure = false
      AuthenticationType = "iam"
      PathStyle = true
    [runners.cache.gcs]
    [runners.cache.azure]
  [runners.docker]
    tls_verify = false
    image = "alpine:3.20"
    privileged = false
    services_privileged = true
    disable_entrypoint_overwrite = false
    oom_kill_disable = false
    disable_cache = false
    volumes = ["/cache"]
    shm_size = 0
    network_mtu = 0
    cpus = "1.5"
    memory = "512m"
    allowed_images = ["alpine:*"]
    allowed_pull_policies = ["always", "never"]
    helper_image = ""
    [runners.docker.ulimit]
      nofile = "1024:2048"
    [runners.docker.sysctls]
      "net.core.somaxconn" = "1024"
    [[runners.docker.services]]
      name = "postgres:16"
      alias = "db, database"
      command = ["postgres", "-c", "fsync=off"]
""",
    )
    assert config.warnings == ()
    assert (config.concurrent, config.check_interval, config.shutdown_timeout) == (10, 3, 30)
    assert (config.log_level, config.log_format, config.listen_address) == ("warning", "json", ":9252")
    (runner,) = config.runners
    assert runner == RunnerSection(
        name="ec2",
        url="https://gitlab.example/",
        token="glrt-t3_0123456789abcdef",
        limit=3,
        request_concurrency=2,
        output_limit=4096,
        unhealthy_requests_limit=5,
        unhealthy_interval=5400.0,
        id=17,
        token_obtained_at=datetime(2026, 1, 1, tzinfo=UTC),
        token_expires_at=None,
        tls_ca_file="/etc/ca.pem",
        builds_dir="/b",
        cache_dir="/c",
        shell="bash",
        pre_get_sources_script="echo old name",
        post_build_script="echo after",
        debug_trace_disabled=True,
        feature_flags={"FF_NETWORK_PER_BUILD": True},
        cache=CacheSection(
            type="s3",
            path="p",
            shared=True,
            s3=S3Section(
                server_address="s3.example", bucket_name="b", authentication_type="iam", path_style=True
            ),
        ),
        docker=DockerSection(
            image="alpine:3.20",
            services_privileged=True,
            volumes=("/cache",),
            cpus="1.5",
            memory="512m",
            allowed_images=("alpine:*",),
            allowed_pull_policies=("always", "never"),
            ulimit={"nofile": "1024:2048"},
            sysctls={"net.core.somaxconn": "1024"},
            services=(ServiceEntry("postgres:16", "db, database", None, ("postgres", "-c", "fsync=off")),),
        ),
    )
    assert runner.docker.services[0].aliases == ("db", "database")


def test_the_new_name_of_a_script_counts_where_both_are_there(path: Path) -> None:
    text = f"[[runners]]\n{NEEDED}pre_clone_script = 'old'\npre_get_sources_script = 'new'"
    (runner,) = read(path, text).runners
    assert runner.pre_get_sources_script == "new"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1h30m", 5400.0), ("90s", 90.0), ("1h30min", 5400.0), ("1h0m0s", 3600.0), ("1.5s", 1.5)],
)
def test_times_are_written_as_in_go(text: str, number: float) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize("text", ["", "1", "h", "1h 30m", "-1h", "1d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        seconds(text)
