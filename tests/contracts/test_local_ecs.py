"""The local ECS under the hands of clients that we did not write: botocore, ecs-deploy, the AWS CLI."""

from __future__ import annotations

import asyncio
import signal
import time

import httpx
import pytest
from botocore.exceptions import ClientError, WaiterError
from tests.contracts.app import create, describe, register, wait_for_rollout
from tests.contracts.conftest import REGISTRY_ADDRESS, Endpoint

from shipline.demo.aws import CLUSTER
from shipline.demo.probe import probing
from shipline.engine.client import connect
from shipline.engine.labels import owned_by

pytestmark = pytest.mark.engine


def page(url: str) -> str:
    return httpx.get(url, trust_env=False, timeout=10).text


async def test_a_redeployment_under_load_fails_no_request(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    create(aws, "busy", desiredCount=2)
    # Stable are tasks that run; the load balancer may still be about to learn of them, here as with AWS.
    wait_for_rollout(aws, "busy", "COMPLETED")
    url = shared_endpoint.overview()["busy"]["url"]

    def redeploy() -> None:
        for version in ("2", "3"):
            aws.ecs.update_service(
                cluster=CLUSTER, service="busy", taskDefinition=register(aws, "busy", version)
            )
            aws.wait_until_stable("busy", lambda step: None)
            wait_for_rollout(aws, "busy", "COMPLETED")
            assert page(url) == version

    async with probing(url) as probe:
        await asyncio.to_thread(redeploy)
    assert probe.total > 20
    assert probe.failures == []


def test_ecs_deploy_redeploys_and_says_so(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    create(aws, "fab")
    done = shared_endpoint.tool("ecs", "deploy", CLUSTER, "fab", "-e", "web", "VERSION", "2", "--timeout=60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Deployment successful" in done.stdout
    assert page(shared_endpoint.overview()["fab"]["url"]) == "2"


def test_ecs_deploy_of_a_version_that_exits_fails_and_tells_why(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    create(aws, "dies")
    done = shared_endpoint.tool(
        "ecs", "deploy", CLUSTER, "dies", "-e", "web", "VERSION", "exits", "--timeout=1800"
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "exit code 3" in said
    assert "cannot find my settings" in said
    assert page(shared_endpoint.overview()["dies"]["url"]) == "1"
    with pytest.raises(WaiterError):
        aws.ecs.get_waiter("services_stable").wait(
            cluster=CLUSTER, services=["dies"], WaiterConfig={"Delay": 1, "MaxAttempts": 3}
        )
    stopped = aws.ecs.list_tasks(cluster=CLUSTER, serviceName="dies", desiredStatus="STOPPED")["taskArns"]
    tasks = aws.ecs.describe_tasks(cluster=CLUSTER, tasks=stopped)["tasks"]
    assert {task["stopCode"] for task in tasks} == {"EssentialContainerExited"}
    assert {task["containers"][0]["exitCode"] for task in tasks} == {3}


def test_with_rollback_ecs_deploy_still_fails_and_the_good_revision_stays(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    create(aws, "rolls", deploymentConfiguration=breaker)
    good = describe(aws, "rolls")["taskDefinition"]
    done = shared_endpoint.tool(
        "ecs", "deploy", CLUSTER, "rolls", "-e", "web", "VERSION", "exits", "--timeout=1800"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    wait_for_rollout(aws, "rolls", "COMPLETED")
    after = describe(aws, "rolls")
    assert after["taskDefinition"] == good
    assert len(after["deployments"]) == 1
    assert aws.ecs.describe_task_definition(taskDefinition=good)["taskDefinition"]["status"] == "ACTIVE"
    arns = aws.ecs.list_service_deployments(cluster=CLUSTER, service="rolls")["serviceDeployments"]
    assert [one["status"] for one in arns] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    aws.wait_until_stable("rolls", lambda step: None)


def test_a_version_that_never_gets_healthy_never_takes_traffic(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    create(aws, "sick", checked=True)
    url = shared_endpoint.overview()["sick"]["url"]
    aws.ecs.update_service(
        cluster=CLUSTER, service="sick", taskDefinition=register(aws, "sick", "sick", checked=True)
    )
    failed = wait_for_rollout(aws, "sick", "FAILED")
    assert "Task failed container health checks" in failed["rolloutStateReason"]
    assert page(url) == "1"
    messages = [event["message"] for event in describe(aws, "sick")["events"]]
    assert any("failed container health checks" in message for message in messages)


def test_an_image_that_cannot_be_pulled_is_told_with_the_engines_reason(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    aws.create_cluster()
    aws.ecs.register_task_definition(
        family="nowhere",
        containerDefinitions=[{"name": "web", "image": "127.0.0.1:9/no/such:1", "memory": 64}],
    )
    aws.ecs.create_service(cluster=CLUSTER, serviceName="nowhere", taskDefinition="nowhere", desiredCount=1)
    failed = wait_for_rollout(aws, "nowhere", "FAILED")
    assert "CannotPullContainerError" in failed["rolloutStateReason"]


def test_a_task_of_its_own_ends_with_its_exit_code(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    aws.create_cluster()
    definition = register(aws, "once", "1")
    overrides = {"containerOverrides": [{"name": "web", "command": ["python", "-c", "raise SystemExit(7)"]}]}
    task = aws.ecs.run_task(cluster=CLUSTER, taskDefinition=definition, overrides=overrides)["tasks"][0]
    aws.ecs.get_waiter("tasks_stopped").wait(
        cluster=CLUSTER, tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (ended,) = aws.ecs.describe_tasks(cluster=CLUSTER, tasks=[task["taskArn"]])["tasks"]
    assert ended["containers"][0]["exitCode"] == 7
    assert ended["stoppedReason"] == "Essential container in task exited"


def test_the_aws_cli_logs_docker_in_and_waits(shared_endpoint: Endpoint) -> None:
    aws = shared_endpoint.aws()
    create(aws, "cli")
    login = shared_endpoint.tool("aws", "ecr", "get-login", "--no-include-email", "--region", "us-east-1")
    words = login.stdout.split()
    assert words[:4] == ["docker", "login", "-u", "AWS"], login.stderr
    assert ":" not in words[5]
    assert words[6] == f"https://{REGISTRY_ADDRESS}"
    waited = shared_endpoint.tool(
        "aws", "ecs", "wait", "services-stable", "--cluster", CLUSTER, "--services", "cli"
    )
    assert waited.returncode == 0, waited.stderr
    who = shared_endpoint.tool("aws", "sts", "get-caller-identity")
    assert "123456789012" in who.stdout, who.stderr


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda ecs: ecs.describe_services(cluster="none", services=["x"]), "ClusterNotFoundException"),
        (lambda ecs: ecs.update_service(cluster=CLUSTER, service="none"), "ServiceNotFoundException"),
        (lambda ecs: ecs.describe_task_definition(taskDefinition="none"), "ClientException"),
        (lambda ecs: ecs.list_attributes(targetType="container-instance"), "UnknownOperationException"),
        (
            lambda ecs: ecs.register_task_definition(
                family="f",
                containerDefinitions=[
                    {"name": "a", "image": "i", "secrets": [{"name": "S", "valueFrom": "x"}]}
                ],
            ),
            "ClientException",
        ),
        (
            lambda ecs: ecs.register_task_definition(
                family="f", containerDefinitions=[{"name": "a", "image": "i", "privileged": True}]
            ),
            "ClientException",
        ),
        (
            lambda ecs: ecs.register_task_definition(
                family="f",
                containerDefinitions=[{"name": "a", "image": "i"}],
                volumes=[{"name": "v", "host": {"sourcePath": "/etc"}}],
            ),
            "ClientException",
        ),
    ],
)
def test_what_is_wrong_has_the_code_that_aws_gives(
    shared_endpoint: Endpoint, call: object, code: str
) -> None:
    aws = shared_endpoint.aws()
    aws.create_cluster()
    with pytest.raises(ClientError) as caught:
        call(aws.ecs)  # type: ignore[operator]
    assert caught.value.response["Error"]["Code"] == code


def test_killed_and_started_again_it_serves_as_before(endpoint: Endpoint) -> None:
    aws = endpoint.aws()
    create(aws, "lasting")
    url = endpoint.overview()["lasting"]["url"]
    endpoint.end(signal.SIGKILL)
    endpoint.start()
    assert endpoint.overview()["lasting"]["url"] == url
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and httpx.get(url, trust_env=False).status_code != 200:
        time.sleep(0.1)
    assert page(url) == "1"
    assert len(asyncio.run(containers(endpoint, "task"))) == 1


def test_told_to_end_it_leaves_nothing_running(endpoint: Endpoint) -> None:
    create(endpoint.aws(), "brief")
    assert endpoint.end() == 0
    assert asyncio.run(containers(endpoint)) == []


async def containers(endpoint: Endpoint, role: str | None = None) -> list[object]:
    async with connect(endpoint.docker_host) as docker:
        return list(await docker.containers.list(all=True, filters=owned_by(endpoint.data.owner(), role)))
