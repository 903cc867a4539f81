"""A small web server to deploy, whose behaviour an environment variable chooses."""

from __future__ import annotations

import time
from typing import Any

from tests.contracts.conftest import PYTHON

from shipline.demo.aws import CLUSTER, Aws

PORT = 8000
SOURCE = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
version = os.environ["VERSION"]
if version == "exits":
    print("starting up", flush=True)
    print("cannot find my settings", flush=True)
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.005)
        body = version.encode()
        self.send_response(500 if version == "sick" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
CHECK = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/', timeout=2)"


def register(aws: Aws, family: str, version: str, *, checked: bool = False) -> str:
    container: dict[str, Any] = {
        "name": "web",
        "image": PYTHON,
        "command": ["python", "-c", SOURCE],
        "environment": [{"name": "VERSION", "value": version}],
        "portMappings": [{"containerPort": PORT}],
        "stopTimeout": 5,
    }
    if checked:
        container["healthCheck"] = {"command": ["CMD", "python", "-c", CHECK], "interval": 1, "retries": 2}
    answer = aws.ecs.register_task_definition(family=family, containerDefinitions=[container])
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def create(aws: Aws, name: str, version: str = "1", *, checked: bool = False, **options: Any) -> None:
    """A service behind a listener, and the wait until it is stable by botocore's own waiter."""
    aws.create_cluster()
    balancer = aws.elb.create_load_balancer(Name=name, Subnets=["subnet-1"])["LoadBalancers"][0]
    group = aws.elb.create_target_group(
        Name=name, Protocol="HTTP", Port=PORT, TargetType="ip", HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]
    aws.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    definition = register(aws, name, version, checked=checked)
    aws.ecs.create_service(
        cluster=CLUSTER,
        serviceName=name,
        taskDefinition=definition,
        desiredCount=options.pop("desiredCount", 1),
        loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": PORT}],
        **options,
    )
    aws.wait_until_stable(name, lambda step: None)


def describe(aws: Aws, name: str) -> dict[str, Any]:
    return dict(aws.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0])


def wait_for_rollout(aws: Aws, name: str, state: str, seconds: float = 60) -> dict[str, Any]:
    """Until the PRIMARY deployment is in that state."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        primary = dict(describe(aws, name)["deployments"][0])
        if primary["rolloutState"] == state:
            return primary
        time.sleep(0.1)
    raise AssertionError(f"{name} is {primary['rolloutState']}: {primary['rolloutStateReason']}")
