"""From a job's payload to the bodies of the Engine API's calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shipline.errors import ProtocolError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import DockerSection, RunnerSection, ServiceEntry
from shipline.runner.executor.spec import JobSpec, job_spec, service_aliases, wait_ports
from shipline.runner.failure import JobFailed
from shipline.runner.script import detect_shell
from shipline.runner.variables import job_variables

NAME = "runner-012345678-project-3-job-7-c0ffee"


def section(**docker: Any) -> RunnerSection:
    return RunnerSection(
        "r", "http://c", "glrt-0123456789abc", owner="0a1b2c", docker=DockerSection(**docker)
    )


def spec(runner: RunnerSection | None = None, unique: str = "c0ffee", **fields: Any) -> JobSpec:
    payload = JobPayload.model_validate(
        {
            "id": 7,
            "token": "glcbt-x",
            "job_info": {
                "name": "test: [1]",
                "project_id": 3,
                "project_full_path": "acme/app",
                "pipeline_id": 5,
            },
            "git_info": {"repo_url": "http://c/acme/app.git", "ref": "feature/x", "sha": "a" * 40},
            **fields,
        }
    )
    runner = runner or section()
    return job_spec(payload, runner, job_variables(payload, runner, 600), unique)


def containers(made: JobSpec) -> list[Any]:
    return [made.helper, made.build, *(service.container for service in made.services)]


def test_everything_is_named_after_the_job_and_the_attempt() -> None:
    made = spec(services=[{"name": "postgres:15"}, {"name": "redis"}])
    assert made.name == NAME
    assert made.network.body is not None
    assert [made.network.body["Name"], *(one.name for one in made.volumes)] == [NAME, NAME]
    assert [one.name for one in containers(made)] == [
        f"{NAME}-predefined",
        f"{NAME}-build",
        f"{NAME}-service-0",
        f"{NAME}-service-1",
    ]
    assert spec(unique="0ther").name != made.name


def test_a_name_holds_only_what_the_engine_allows() -> None:
    runner = RunnerSection("r", "u", "a/b c:d")
    assert spec(runner).name == "runner-a-b-c-d-project-3-job-7-c0ffee"
    assert len(spec(runner, unique="x" * 99).build.config["Hostname"]) <= 63


def test_everything_carries_its_owner_its_role_and_the_job() -> None:
    made = spec(services=[{"name": "redis"}])
    assert made.network.body is not None
    labelled = [made.network.body["Labels"], *(one.labels for one in made.volumes)]
    labelled += [one.config["Labels"] for one in containers(made)]
    assert [one["io.shipline.role"] for one in labelled] == [
        "job-network",
        "job-volume",
        "job-helper",
        "job-build",
        "job-service",
    ]
    for one in labelled:
        assert one["io.shipline.owner"] == "0a1b2c"
        assert one["io.shipline.job.id"] == "7"
        assert one["io.shipline.job.name"] == "test: [1]"
        assert one["io.shipline.job.ref"] == "feature/x"
        assert one["io.shipline.pipeline.id"] == "5"
        assert one["io.shipline.project.id"] == "3"
        assert one["io.shipline.runner"] == "012345678"


def test_every_body_can_be_sent_as_json() -> None:
    made = spec(services=[{"name": "redis", "command": ["redis-server"], "entrypoint": ["x"]}])
    for one in containers(made):
        assert json.loads(json.dumps(one.config)) == one.config


def test_all_are_on_the_jobs_network_and_none_starts_again() -> None:
    for one in containers(spec(services=[{"name": "redis"}])):
        assert one.config["HostConfig"]["NetworkMode"] == NAME
        assert list(one.config["NetworkingConfig"]["EndpointsConfig"]) == [NAME]
        assert one.config["HostConfig"]["RestartPolicy"] == {"Name": "no"}


def test_nothing_is_privileged_unless_it_is_configured() -> None:
    made = spec(services=[{"name": "docker:dind"}])
    assert [one.config["HostConfig"]["Privileged"] for one in containers(made)] == [False, False, False]


def test_where_it_is_configured_the_build_and_the_services_are_privileged_but_never_the_helper() -> None:
    made = spec(section(privileged=True), services=[{"name": "docker:dind"}])
    assert [one.config["HostConfig"]["Privileged"] for one in containers(made)] == [False, True, True]


def test_the_builds_and_the_configs_volumes_are_mounted_everywhere() -> None:
    made = spec(section(volumes=("/certs:/certs:ro",)), services=[{"name": "redis"}])
    for one in containers(made):
        assert one.config["HostConfig"]["Binds"] == [f"{NAME}:/builds", "/certs:/certs:ro"]


def test_extra_hosts_are_known_everywhere() -> None:
    made = spec(section(extra_hosts=("c.internal:10.0.0.1",)), services=[{"name": "redis"}])
    assert all(one.config["HostConfig"]["ExtraHosts"] == ["c.internal:10.0.0.1"] for one in containers(made))


def test_the_image_is_the_jobs_with_its_variables_replaced_or_the_runners() -> None:
    assert spec(section(image="debian:bookworm")).build.image == "debian:bookworm"
    variables = [{"key": "TAG", "value": "3.11-slim"}]
    assert spec(image={"name": "python:$TAG"}, variables=variables).build.image == "python:3.11-slim"


def test_pull_policies_are_the_jobs_or_the_runners() -> None:
    runner = section(pull_policy=("if-not-present", "always"), allowed_pull_policies=("always", "never"))
    made = spec(
        runner,
        image={"name": "a", "pull_policy": ["never"]},
        services=[{"name": "b", "pull_policy": ["if-not-present", "always"]}, {"name": "c"}],
    )
    assert made.build.pull_policies == ("never",)
    assert [one.container.pull_policies for one in made.services] == [("always",), ("always",)]
    assert made.helper.pull_policies == ("if-not-present",)
    assert spec(section(pull_policy=("if-not-present",))).build.pull_policies == ("if-not-present",)


def test_a_pull_policy_that_is_not_allowed_fails_the_job() -> None:
    with pytest.raises(
        JobFailed, match="pull policy always of a is not allowed on this runner; allowed: nev"
    ):
        spec(section(pull_policy=("never",)), image={"name": "a", "pull_policy": ["always"]})


def test_the_build_reads_its_script_from_stdin() -> None:
    config = spec().build.config
    assert config["Cmd"] == detect_shell()
    for key in ("OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr"):
        assert config[key] is True
    assert config["Tty"] is False


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ({}, None),
        ({"entrypoint": None}, None),
        ({"entrypoint": [""]}, []),
        ({"entrypoint": []}, []),
        ({"entrypoint": ["/bin/sh", "-c"]}, ["/bin/sh", "-c"]),
    ],
)
def test_an_entrypoint_is_the_images_own_unless_one_is_written(
    written: dict[str, Any], sent: list[str] | None
) -> None:
    made = spec(image={"name": "a", **written}, services=[{"name": "b", **written}])
    for one in (made.build, made.services[0].container):
        assert one.config.get("Entrypoint") == sent
        assert ("Entrypoint" in one.config) == (sent is not None)


def test_a_services_command_is_the_images_own_unless_one_is_written() -> None:
    made = spec(services=[{"name": "a"}, {"name": "b", "command": ["serve", "--fast"]}])
    assert "Cmd" not in made.services[0].container.config
    assert made.services[1].container.config["Cmd"] == ["serve", "--fast"]


def test_the_build_sees_every_variable_but_the_files() -> None:
    made = spec(
        variables=[
            {"key": "A", "value": "x=y z"},
            {"key": "SECRET", "value": "s", "masked": True},
            {"key": "FILE", "value": "content", "file": True},
        ]
    )
    assert "A=x=y z" in made.build.config["Env"]
    assert "SECRET=s" in made.build.config["Env"]
    assert not [line for line in made.build.config["Env"] if line.startswith("FILE=")]


def test_the_helper_sees_no_variable() -> None:
    made = spec(variables=[{"key": "SECRET", "value": "s"}])
    assert "Env" not in made.helper.config


def test_a_service_sees_public_variables_and_its_own() -> None:
    made = spec(
        variables=[
            {"key": "POSTGRES_DB", "value": "app", "public": True},
            {"key": "SECRET", "value": "s", "masked": True},
        ],
        services=[
            {"name": "postgres:15", "variables": [{"key": "POSTGRES_USER", "value": "u-$POSTGRES_DB"}]}
        ],
    )
    environment = made.services[0].container.config["Env"]
    assert "POSTGRES_DB=app" in environment
    assert "POSTGRES_USER=u-app" in environment
    assert not [line for line in environment if "SECRET" in line]


@pytest.mark.parametrize(
    ("image", "alias", "aliases"),
    [
        ("postgres:15", "", ["postgres"]),
        ("docker:dind", "", ["docker"]),
        ("tutum/wordpress:latest", "", ["tutum__wordpress", "tutum-wordpress"]),
        (
            "registry.example.com:5000/acme/db/postgres:15",
            "",
            ["registry.example.com__acme__db__postgres", "registry.example.com-acme-db-postgres"],
        ),
        ("localhost:5000/app", "", ["localhost__app", "localhost-app"]),
        (f"acme/app@sha256:{'a' * 64}", "", ["acme__app", "acme-app"]),
        ("postgres:15", "db", ["postgres", "db"]),
        ("postgres:15", "db,database other", ["postgres", "db", "database", "other"]),
        ("postgres:15", " db,  db postgres ", ["postgres", "db"]),
    ],
)
def test_a_service_is_known_by_its_image_and_its_aliases(image: str, alias: str, aliases: list[str]) -> None:
    assert service_aliases(image, alias) == tuple(aliases)


def test_a_services_aliases_are_on_the_network() -> None:
    variables = [{"key": "REGISTRY", "value": "registry.example.com:5000"}]
    made = spec(services=[{"name": "$REGISTRY/acme/db", "alias": "db"}], variables=variables)
    (service,) = made.services
    assert service.aliases == ("registry.example.com__acme__db", "registry.example.com-acme-db", "db")
    endpoint = service.container.config["NetworkingConfig"]["EndpointsConfig"][NAME]
    assert endpoint == {"Aliases": list(service.aliases)}


def test_a_service_that_is_no_image_is_refused() -> None:
    with pytest.raises(ProtocolError, match="invalid image name"):
        spec(services=[{"name": "Not An Image"}])


def test_a_services_port_may_be_named_by_a_variable() -> None:
    made = spec(
        services=[
            {"name": "a", "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "2375"}]},
            {"name": "b", "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "http"}]},
            {"name": "c"},
        ]
    )
    assert [one.port for one in made.services] == [2375, None, None]


def test_the_port_that_is_named_is_waited_for_else_those_that_the_image_exposes() -> None:
    image = {"ExposedPorts": {"2376/tcp": {}, "53/udp": {}, "2375/tcp": {}}}
    assert wait_ports(image, None) == [2375, 2376]
    assert wait_ports(image, 9) == [9]
    assert wait_ports({}, None) == []
    assert wait_ports({"ExposedPorts": None}, None) == []


def test_not_every_port_of_many_is_waited_for() -> None:
    image = {"ExposedPorts": {f"{port}/tcp": {} for port in range(1000, 1100)}}
    assert wait_ports(image, None) == list(range(1000, 1020))


def test_services_of_the_config_come_before_the_jobs() -> None:
    entry = ServiceEntry("redis:7", "cache", command=("redis-server",), environment=("A=b=c", "B=$X"))
    made = spec(
        section(services=(entry,)), services=[{"name": "postgres:15"}], variables=[{"key": "X", "value": "x"}]
    )
    assert [one.aliases for one in made.services] == [("redis", "cache"), ("postgres",)]
    first = made.services[0].container.config
    assert first["Cmd"] == ["redis-server"]
    assert {"A=b=c", "B=x"} <= set(first["Env"])


def test_of_two_services_with_one_name_the_first_has_it_and_it_is_told() -> None:
    made = spec(
        services=[{"name": "postgres:15", "alias": "db"}, {"name": "postgres:16", "alias": "db build"}]
    )
    assert [one.aliases for one in made.services] == [("postgres", "db"), ()]
    assert made.warnings == (
        "WARNING: service postgres:16 cannot be 'postgres' too: another one is called so",
        "WARNING: service postgres:16 cannot be 'db' too: another one is called so",
        "WARNING: service postgres:16 cannot be 'build' too: another one is called so",
    )


def test_the_user_is_the_configs_or_the_jobs_and_the_platform_is_the_jobs() -> None:
    image = {"name": "a", "executor_opts": {"docker": {"user": "app:5", "platform": "linux/$ARCH"}}}
    made = spec(image=image, services=[image], variables=[{"key": "ARCH", "value": "arm64"}])
    for one in (made.build, made.services[0].container):
        assert (one.config["User"], one.platform) == ("app:5", "linux/arm64")
    assert spec(section(user="root"), image=image).build.config["User"] == "root"
    assert "User" not in spec().build.config


def test_an_entrypoint_may_not_be_overwritten_where_the_config_says_so() -> None:
    made = spec(section(disable_entrypoint_overwrite=True), image={"name": "a", "entrypoint": ["x"]})
    assert "Entrypoint" not in made.build.config
    assert made.warnings == ("Entrypoint override disabled",)


def test_services_may_be_privileged_where_the_build_is_not_and_only_some_images() -> None:
    services = [{"name": "docker:dind"}, {"name": "redis"}]
    made = spec(
        section(services_privileged=True, allowed_privileged_services=("docker:*",)), services=services
    )
    assert [one.config["HostConfig"]["Privileged"] for one in containers(made)] == [False, False, True, False]
    other = spec(section(privileged=True, services_privileged=False), services=services)
    assert [one.config["HostConfig"]["Privileged"] for one in containers(other)] == [
        False,
        True,
        False,
        False,
    ]


def test_the_jobs_limits_do_not_hold_for_the_helper() -> None:
    made = spec(section(memory="64m", cap_drop=("ALL",), dns=("1.1.1.1",)), services=[{"name": "redis"}])
    for one in (made.build, made.services[0].container):
        assert one.config["HostConfig"]["Memory"] == 64 * 1024**2
    host = made.helper.config["HostConfig"]
    assert "Memory" not in host
    assert "CapDrop" not in host
    assert host["Dns"] == ["1.1.1.1"]


def test_host_entries_are_added_to_those_of_the_config() -> None:
    made = spec(section(extra_hosts=("a:1.1.1.1",)))
    assert made.build.with_hosts([]) is made.build
    more = made.build.with_hosts(["db:172.17.0.3"]).config["HostConfig"]["ExtraHosts"]
    assert more == ["a:1.1.1.1", "db:172.17.0.3"]
    assert made.build.config["HostConfig"]["ExtraHosts"] == ["a:1.1.1.1"]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "²", "1" * 30])
def test_a_port_that_is_none_is_not_waited_for(port: str) -> None:
    variables = [{"key": "HEALTHCHECK_TCP_PORT", "value": port}]
    assert spec(services=[{"name": "a", "variables": variables}]).services[0].port is None
