"""What only the docker executor does: services, networks, images, limits, volumes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.runner.gate import gate
from tests.runner.jobs.conftest import IMAGE, Place, docker_host

from shipline.errors import EngineError, ImagePullFailed
from shipline.host.images import HELPER, ensure_images
from shipline.runner.config_file import ServiceEntry
from shipline.runner.executor.images import Images
from shipline.runner.executor.spec import ContainerSpec
from shipline.runner.failure import result_of
from shipline.runner.slots import Slot

pytestmark = pytest.mark.engine

PYTHON = "python:3.11-slim"
SERVE = ["python", "-u", "-m", "http.server", "8000"]
ASK = (
    "python - <<'END'\nimport os, urllib.request\n"
    "for host in os.environ['HOSTS'].split():\n"
    "    print(host, urllib.request.urlopen(f'http://{host}:8000/').status)\nEND"
)


def web(**fields: Any) -> dict[str, Any]:
    variables = [{"key": "HEALTHCHECK_TCP_PORT", "value": "8000"}, *fields.pop("variables", [])]
    return {"name": PYTHON, "alias": "web,site other", "command": SERVE, "variables": variables, **fields}


async def test_services_are_known_by_each_of_their_names_and_waited_for(engine: Place) -> None:
    hosts = {"HOSTS": "web site other python"}
    ended = await engine.run(ASK, image={"name": PYTHON}, services=[web()], variables=hosts)
    assert ended.good, ended.log
    assert [line for line in ended.lines if line.endswith(" 200")] == [
        f"{host} 200" for host in ("web", "site", "other", "python")
    ]
    assert "Waiting for services to be up and running ..." in ended.log
    assert "WARNING" not in ended.log


async def test_services_know_each_other_and_see_public_variables_and_their_own(engine: Place) -> None:
    asks = (
        "import os, time, urllib.request as u\nwhile 1:\n"
        " try: u.urlopen('http://web:8000/' + os.environ['A'] + os.environ.get('S', '-'))\n"
        " except Exception: pass\n time.sleep(.05)"
    )
    other = {"name": PYTHON, "alias": "asking", "command": ["python", "-c", asks],
             "variables": [{"key": "A", "value": "own-$P"}]}  # fmt: skip
    run = engine.job(
        engine.payload(
            ["echo begun; until [ -e /tmp/end ]; do sleep 0.1; done"],
            image={"name": PYTHON},
            services=[web(), other],
            variables={"CI_DEBUG_SERVICES": "true"},
            more_variables=[
                {"key": "P", "value": "public", "public": True},
                {"key": "S", "value": "hidden", "public": False},
            ],
        )
    )
    running = asyncio.create_task(run.run())
    await engine.until(lambda: "begun" in engine.log().splitlines(), "the script does not begin")
    await engine.until(lambda: "GET /own-public- HTTP" in engine.log(), "the web is not asked")
    await engine.touch("job-build", "/tmp/end")
    assert not (await running).failure_reason, engine.log()
    shown = [line for line in engine.log().splitlines() if "[service:other]" in line]
    assert any("GET /own-public- HTTP" in line for line in shown), engine.log()
    assert "hidden" not in engine.log()


async def test_a_service_that_does_not_start_is_told_with_its_last_lines_and_the_job_goes_on(
    engine: Place,
) -> None:
    broken = {"name": PYTHON, "command": ["sh", "-c", "echo why it broke; exit 3"],
              "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "8000"}]}  # fmt: skip
    ended = await engine.run("echo ran", services=[broken])
    assert ended.good
    assert (
        f"*** WARNING: Service {PYTHON} probably didn't start properly: it ended with exit code 3."
        in ended.log
    )
    assert "  why it broke" in ended.log
    assert "ran" in ended.lines


async def test_services_are_not_waited_for_where_the_config_says_so(engine: Place) -> None:
    engine.configure_docker(wait_for_services_timeout=-1)
    silent = {"name": PYTHON, "command": ["sleep", "60"],
              "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "9"}]}  # fmt: skip
    ended = await engine.run("echo ran", services=[silent])
    assert ended.good
    assert "Waiting for services" not in ended.log


async def test_a_service_of_the_config_is_there_for_every_job(engine: Place) -> None:
    engine.configure_docker(
        services=(
            ServiceEntry(PYTHON, "web", command=tuple(SERVE), environment=("HEALTHCHECK_TCP_PORT=8000",)),
        )
    )
    ended = await engine.run(ASK, image={"name": PYTHON}, variables={"HOSTS": "web"})
    assert "web 200" in ended.lines, ended.log


@pytest.mark.parametrize("mode", ["bridge", "flag"])
async def test_without_a_network_of_the_job_services_are_known_by_host_entries(
    engine: Place, mode: str
) -> None:
    if mode == "bridge":
        engine.configure_docker(network_mode="bridge")
    variables = {"HOSTS": "web site"} | ({"FF_NETWORK_PER_BUILD": "false"} if mode == "flag" else {})
    ended = await engine.run(ASK, image={"name": PYTHON}, services=[web()], variables=variables)
    assert [line for line in ended.lines if line.endswith(" 200")] == ["web 200", "site 200"], ended.log
    assert "WARNING" not in ended.log


async def test_on_the_hosts_network_the_job_is_on_this_machine(engine: Place) -> None:
    engine.configure_docker(network_mode="host")
    ended = await engine.run(
        "cat /proc/net/dev", git_info=engine.repository(), variables={"GIT_STRATEGY": "fetch"}
    )
    assert ended.good, ended.log
    assert "docker0:" in ended.log


async def test_resources_hold_for_the_build(engine: Place) -> None:
    engine.configure_docker(
        memory="128m", cpus="0.5", shm_size=16777216, ulimit={"nofile": "512:1024"}, cap_drop=("CHOWN",),
        dns=("10.9.8.7",), extra_hosts=("there.example:10.1.2.3",),
    )  # fmt: skip
    ended = await engine.run(
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max",
        "echo open $(ulimit -n)",
        "df -k /dev/shm | tail -n 1",
        "touch x; chown 5 x 2>/dev/null || echo no chown",
        "grep there.example /etc/hosts",
    )
    assert ended.good, ended.log
    assert {"134217728", "open 512", "no chown"} <= set(ended.lines)
    assert "10.1.2.3" in ended.log
    assert " 16384 " in ended.log


async def test_a_job_may_run_as_another_user_and_write_its_folders(engine: Place) -> None:
    image = {"name": "debian:bookworm", "executor_opts": {"docker": {"user": "1234:5"}}}
    info = engine.repository()
    ended = await engine.run(
        "echo as $(id -u):$(id -g)",
        "echo x > own; cat README; mkdir deps; echo y > deps/a",
        image=image,
        git_info=info,
        variables={"GIT_STRATEGY": "fetch"},
        cache=[{"key": "k", "paths": ["deps"]}],
        more_variables=[{"key": "F", "value": "content", "file": True}],
    )
    assert ended.good, ended.log
    assert "as 1234:5" in ended.lines
    changed = await engine.run(
        "echo z >> deps/a2; rm deps/a; chmod 400 $F",
        image=image,
        git_info=info,
        variables={"GIT_STRATEGY": "clone"},
        cache=[{"key": "k", "paths": ["deps"]}],
        after_script=["cat $F; echo"],
        more_variables=[{"key": "F", "value": "content", "file": True}],
    )
    assert changed.good, changed.log
    assert "content" in changed.lines
    engine.configure_docker(user="77")
    assert "as 77" in (await engine.run("echo as $(id -u)", image=image)).lines


async def test_a_path_of_the_jobs_image_is_not_the_helpers(engine: Place) -> None:
    variables = {"GIT_STRATEGY": "fetch", "PATH": "/nowhere:/usr/bin:/bin", "LD_PRELOAD": "/none.so"}
    ended = await engine.run('echo "path $PATH"', git_info=engine.repository(), variables=variables)
    assert ended.good, ended.log
    assert "path /nowhere:/usr/bin:/bin" in ended.lines


@pytest.mark.parametrize(
    ("there", "policies", "told"),
    [(True, ("always",), 1), (True, ("always", "never"), 0), (False, ("always",), 0)],
)
async def test_an_image_that_cannot_be_pulled_but_is_here_is_offered_with_what_to_write(
    engine: Place, there: bool, policies: tuple[str, ...], told: int
) -> None:
    assert engine.docker is not None
    engine.configure_docker(pull_policy=policies)
    with gate(0) as registry:
        # It answers that it has no image.
        name = f"127.0.0.1:{registry.port}/here"
        if there:
            await engine.docker.images.tag(IMAGE, repo=name, tag="1")
        try:
            ended = await engine.run("echo ran", image={"name": f"{name}:1"})
        finally:
            if there:
                await engine.docker.images.delete(f"{name}:1")
    assert ended.good is (policies == ("always", "never")), ended.log
    lines = [line for line in ended.lines if 'pull_policy = "if-not-present" under [runners.docker]' in line]
    assert len(lines) == told
    assert all(f"Image {name}:1 is on the runner's machine." in line for line in lines)


async def test_an_image_that_the_config_does_not_allow_is_not_pulled(engine: Place) -> None:
    engine.configure_docker(allowed_images=("ruby:*",), allowed_services=("postgres:*",))
    ended = await engine.run("true", image={"name": "python:3.11-slim"})
    assert ended.result.failure_reason == "runner_configuration_error"
    assert "the image 'python:3.11-slim' is not allowed on this runner; allowed: ruby:*" in ended.log
    assert (await engine.run("echo ran")).good
    service = await engine.run("true", services=[{"name": "redis"}])
    assert "the service 'redis' is not allowed" in service.log


async def test_an_image_that_is_not_there_or_is_none_fails_the_job(engine: Place) -> None:
    engine.configure_docker(allowed_pull_policies=("never",))
    never = await engine.run("true", image={"name": "none-of-that-name", "pull_policy": ["never"]})
    assert never.result.failure_reason == "runner_system_failure"
    assert "its pull policy is never" in never.log
    invalid = await engine.run("true", image={"name": "Not An Image"})
    assert invalid.result.failure_reason == "runner_configuration_error"


async def test_a_registry_that_does_not_answer_is_asked_three_times_and_then_the_next_policy(
    engine: Place,
) -> None:
    assert engine.docker is not None
    said: list[str] = []
    images = Images(engine.docker, [], {}, said.append, pause=lambda: 0.0)
    with pytest.raises(EngineError, match="its pull policy is never"):
        await images.get(ContainerSpec("x", "127.0.0.1:9/app", ("always", "never"), {}))
    assert said.count("Pulling docker image 127.0.0.1:9/app ...") == 3
    with pytest.raises(EngineError, match="is not there, and its pull policy is never"):
        await images.get(ContainerSpec("x", PYTHON, ("never",), {}, "linux/s390x"))
    assert (await images.get(ContainerSpec("x", PYTHON, ("never",), {}))).platform.startswith("linux/")
    with pytest.raises(ImagePullFailed) as failed:
        await images.get(ContainerSpec("x", "127.0.0.1:9/app", ("always",), {}))
    assert result_of(failed.value).failure_reason == "runner_external_dependency_failure"


async def test_a_container_that_vanishes_is_made_again_as_often_as_the_job_says(engine: Place) -> None:
    hook = "echo in the hook; until [ -e /tmp/go-on ]; do sleep 0.1; done"
    hooks = [{"name": "post_get_sources_script", "script": [hook]}]
    for attempts, good in (("1", False), ("2", True)):
        run = engine.job(
            engine.payload(["echo ran"], hooks=hooks, variables={"EXECUTOR_JOB_SECTION_ATTEMPTS": attempts})
        )
        running = asyncio.create_task(run.run())
        await engine.until(lambda: "in the hook" in engine.log().splitlines(), "the hook does not run")
        for container in await engine.containers("job-build"):
            await container.delete(force=True)
        await engine.touch("job-helper", "/tmp/go-on")
        result = await running
        assert (not result.failure_reason) is good, engine.log()


async def test_volumes_with_a_path_alone_stay_for_the_next_job_of_the_project(engine: Place) -> None:
    engine.configure_docker(volumes=("/cache", "/root/.m2"))
    count = "echo x >> /root/.m2/runs; echo runs $(wc -l < /root/.m2/runs)"
    assert "runs 1" in (await engine.run(count)).lines
    assert "runs 2" in (await engine.run(count)).lines
    assert "runs 1" in (await engine.run(count, slot=Slot(1, 1))).lines
    protected = engine.repository() | {"protected": True}
    assert "runs 1" in (await engine.run(count, git_info=protected)).lines
    engine.configure_docker(disable_cache=True)
    assert "runs 1" in (await engine.run(count)).lines


DOCKER = {"name": "docker:dind", "entrypoint": [""]}


@pytest.fixture
async def dind(engine: Place) -> Place:
    await ensure_images(docker_host(), ["docker:dind"], lambda _: None)
    engine.configure_docker(privileged=True, volumes=("/certs/client",))
    return engine


async def test_an_engine_in_a_service_is_reached_without_tls(dind: Place) -> None:
    variables = {"DOCKER_HOST": "tcp://docker:2375", "DOCKER_TLS_CERTDIR": ""}
    service = {"name": "docker:dind", "variables": [{"key": "DOCKER_TLS_CERTDIR", "value": ""},
               {"key": "HEALTHCHECK_TCP_PORT", "value": "2375"}]}  # fmt: skip
    ended = await dind.run(
        "docker version --format 'server {{.Server.Os}}'",
        image=DOCKER,
        services=[service],
        variables=variables,
    )
    assert ended.good, ended.log
    assert "server linux" in ended.lines


async def test_an_engine_in_a_service_is_reached_with_tls_by_the_volume_that_both_share(dind: Place) -> None:
    variables = {
        "DOCKER_HOST": "tcp://docker:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certs/client",
    }
    service = {"name": "docker:dind", "variables": [{"key": "DOCKER_TLS_CERTDIR", "value": "/certs"},
               {"key": "HEALTHCHECK_TCP_PORT", "value": "2376"}]}  # fmt: skip
    for _ in range(2):
        # The second job finds the first one's certificates in the volume, which fit no more.
        ended = await dind.run(
            "docker version --format 'server {{.Server.Os}}'",
            "docker run --help >/dev/null; ls $CI_PROJECT_DIR",
            image=DOCKER,
            services=[service],
            variables=variables,
        )
        assert ended.good, ended.log
        assert "server linux" in ended.lines


async def test_files_of_git_lfs_are_fetched_unless_the_job_says_no(engine: Place) -> None:
    await ensure_images(docker_host(), [HELPER], lambda _: None)
    content = b"a large file"
    pointer = engine.git.lfs(content)
    info = engine.repository(**{".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer})
    ended = await engine.run("cat a.bin; echo", git_info=info, variables={"GIT_STRATEGY": "fetch"})
    assert ended.good, ended.log
    assert "a large file" in ended.lines
    skip = {"GIT_STRATEGY": "clone", "GIT_LFS_SKIP_SMUDGE": "1"}
    assert "oid sha256:" in (await engine.run("cat a.bin", git_info=info, variables=skip)).log
