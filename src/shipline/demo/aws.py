"""The AWS side of the demo, set up with boto3 as a team would with any tool: repository, cluster, database,
load balancer, service. boto3 is synchronous; callers put these into a thread.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

CLUSTER = "ClusterName"
SERVICE = "ServiceName"
REPOSITORY = "sample-image"
TAG = "sample-tag"
DATABASE_HOST = "database.shipline.internal"
_NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-local"], "securityGroups": ["sg-local"]}}


@dataclass(frozen=True, slots=True)
class Keys:
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key_id!r}, ...)"


def read_keys(path: Path) -> Keys:
    """The default profile of an AWS credentials file."""
    parser = configparser.ConfigParser()
    parser.read(path)
    profile = parser["default"]
    return Keys(profile["aws_access_key_id"], profile["aws_secret_access_key"])


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the service. `image_digest` is what its container really runs."""

    arn: str
    status: str
    image_digest: str
    container_id: str


class Aws:
    """`endpoint` is the local one; without it these calls would go to the real AWS."""

    def __init__(self, endpoint: str, region: str, keys: Keys) -> None:
        def client(name: str) -> Any:
            return boto3.client(
                name,
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id=keys.access_key_id,
                aws_secret_access_key=keys.secret_access_key,
                config=Config(retries={"max_attempts": 2}, proxies={}),
            )

        self.ecr, self.ecs, self.elb = client("ecr"), client("ecs"), client("elbv2")

    def create_repository(self) -> str:
        """The URI to push to, without a tag."""
        try:
            answer = self.ecr.create_repository(repositoryName=REPOSITORY)
            return str(answer["repository"]["repositoryUri"])
        except self.ecr.exceptions.RepositoryAlreadyExistsException:
            answer = self.ecr.describe_repositories(repositoryNames=[REPOSITORY])
            return str(answer["repositories"][0]["repositoryUri"])

    def create_cluster(self) -> None:
        self.ecs.create_cluster(clusterName=CLUSTER)

    def create_database(self, password: str) -> None:
        """PostgreSQL as a service of its own; its data outlives its container."""
        self.ecs.register_task_definition(
            family="database",
            networkMode="awsvpc",
            containerDefinitions=[
                {
                    "name": "postgres",
                    "image": "postgres:15",
                    "essential": True,
                    "memory": 512,
                    "portMappings": [{"name": "postgres", "containerPort": 5432}],
                    "environment": [
                        {"name": "POSTGRES_DB", "value": "app"},
                        {"name": "POSTGRES_USER", "value": "app"},
                        {"name": "POSTGRES_PASSWORD", "value": password},
                    ],
                    "mountPoints": [{"sourceVolume": "data", "containerPath": "/var/lib/postgresql/data"}],
                    "healthCheck": {
                        "command": ["CMD-SHELL", "pg_isready -h 127.0.0.1 -U app"],
                        "interval": 5,
                    },
                }
            ],
            volumes=[
                {
                    "name": "data",
                    "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True},
                }
            ],
        )
        self.ecs.create_service(
            cluster=CLUSTER,
            serviceName="database",
            taskDefinition="database",
            desiredCount=1,
            deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100},
            networkConfiguration=_NETWORK,
            serviceConnectConfiguration={
                "enabled": True,
                "services": [
                    {"portName": "postgres", "clientAliases": [{"port": 5432, "dnsName": DATABASE_HOST}]}
                ],
            },
        )

    def create_app(self, repository: str, environment: dict[str, str], port: int, health_path: str) -> str:
        """The service that the pipeline deploys to. Until the first push its image does not exist, and its
        tasks cannot start: as on AWS. Answers the ARN of the load balancer's listener."""
        balancer = self.elb.create_load_balancer(Name="app", Subnets=["subnet-local"])
        group = self.elb.create_target_group(
            Name="app",
            Protocol="HTTP",
            Port=port,
            TargetType="ip",
            HealthCheckPath=health_path,
            HealthCheckIntervalSeconds=5,
        )
        group_arn = group["TargetGroups"][0]["TargetGroupArn"]
        listener = self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="HTTP",
            Port=8000,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group_arn}],
        )
        self.ecs.register_task_definition(
            family="app",
            networkMode="awsvpc",
            containerDefinitions=[
                {
                    "name": "web",
                    "image": f"{repository}:{TAG}",
                    "essential": True,
                    "memory": 512,
                    "portMappings": [{"name": "web", "containerPort": port}],
                    "environment": [{"name": key, "value": value} for key, value in environment.items()],
                }
            ],
        )
        self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=SERVICE,
            taskDefinition="app",
            desiredCount=1,
            networkConfiguration=_NETWORK,
            healthCheckGracePeriodSeconds=60,
            loadBalancers=[{"targetGroupArn": group_arn, "containerName": "web", "containerPort": port}],
        )
        return str(listener["Listeners"][0]["ListenerArn"])

    def wait_until_stable(self, service: str, progress: Callable[[str], None]) -> None:
        """botocore's own waiter, at a pace for one machine."""
        progress(f"Waiting until {service} is stable")
        self.ecs.get_waiter("services_stable").wait(
            cluster=CLUSTER, services=[service], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )

    def running_tasks(self) -> list[Task]:
        arns = self.ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE, desiredStatus="RUNNING")["taskArns"]
        return self.tasks(arns)

    def tasks(self, arns: list[str]) -> list[Task]:
        if not arns:
            return []
        found = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
        return [
            Task(
                arn=task["taskArn"],
                status=task["lastStatus"],
                image_digest=task["containers"][0].get("imageDigest", ""),
                container_id=task["containers"][0].get("runtimeId", ""),
            )
            for task in found
        ]
