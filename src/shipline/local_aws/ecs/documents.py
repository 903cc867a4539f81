"""Services, deployments and tasks as the API tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shipline.local_aws.context import Context, Parameters
from shipline.local_aws.ecs.plan import threshold
from shipline.local_aws.ecs.values import (
    Container,
    Deployment,
    Document,
    RolloutState,
    Service,
    Task,
    TaskStatus,
)
from shipline.protocols.aws_errors import AwsError

PLATFORM_VERSION = "1.4.0"


def service(context: Context, of: Service, with_tags: bool = False) -> Document:
    tasks = [task for task in context.store.tasks if task.service == of.arn]
    rules = of.rules
    document: dict[str, Any] = {
        "serviceArn": of.arn,
        "serviceName": of.name,
        "clusterArn": of.cluster,
        "status": _service_status(of, tasks),
        "desiredCount": of.desired_count,
        "runningCount": _running(tasks),
        "pendingCount": _pending(tasks),
        "launchType": "FARGATE",
        "platformVersion": PLATFORM_VERSION,
        "platformFamily": "Linux",
        "taskDefinition": of.task_definition,
        "deploymentConfiguration": {
            "minimumHealthyPercent": rules.minimum_healthy_percent,
            "maximumPercent": rules.maximum_percent,
            "deploymentCircuitBreaker": {
                "enable": rules.breaker is not False,
                "rollback": rules.rollback,
            },
            "strategy": "ROLLING",
        },
        "deployments": [
            _deployment(of, deployment, tasks, "ACTIVE" if number else "PRIMARY")
            for number, deployment in enumerate(of.deployments)
        ]
        if of.status == "ACTIVE"
        else [],
        "events": [
            {"id": event.id, "createdAt": event.created_at, "message": event.message} for event in of.events
        ],
        "createdAt": of.created_at,
        "createdBy": f"arn:aws:iam::{context.arns.account}:root",
        "loadBalancers": [],
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": int(of.grace_period),
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": False,
        "propagateTags": "NONE",
        "enableExecuteCommand": False,
        "currentServiceDeployment": of.primary.arn,
        **{key: value for key, value in of.document.items() if key != "serviceConnectConfiguration"},
    }
    if with_tags:
        document["tags"] = list(of.tags)
    return document


def _service_status(of: Service, tasks: Sequence[Task]) -> str:
    present = any(task.last_status is not TaskStatus.STOPPED for task in tasks)
    return "DRAINING" if of.status != "ACTIVE" and present else of.status


def _deployment(of: Service, deployment: Deployment, tasks: Sequence[Task], status: str) -> Document:
    ours = [task for task in tasks if task.started_by == deployment.id]
    document = {
        "id": deployment.id,
        "status": status,
        "taskDefinition": deployment.task_definition,
        "desiredCount": of.desired_count if status == "PRIMARY" else len(_present(ours)),
        "runningCount": _running(ours),
        "pendingCount": _pending(ours),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "launchType": "FARGATE",
        "platformVersion": PLATFORM_VERSION,
        "platformFamily": "Linux",
        "rolloutState": deployment.rollout.value,
        "rolloutStateReason": deployment.reason,
    }
    for key in ("networkConfiguration", "serviceConnectConfiguration"):
        if key in of.document:
            document[key] = of.document[key]
    return document


def service_deployment(context: Context, of: Service, deployment: Deployment) -> Document:
    """The record that cannot confuse a rollback with a success."""
    tasks = [task for task in context.store.tasks if task.started_by == deployment.id]
    document: dict[str, Any] = {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": of.arn,
        "clusterArn": of.cluster,
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "status": service_deployment_status(of, deployment),
        "statusReason": deployment.reason,
        "targetServiceRevision": {
            "arn": deployment.arn.replace(":service-deployment/", ":service-revision/"),
            "requestedTaskCount": of.desired_count,
            "runningTaskCount": _running(tasks),
            "pendingTaskCount": _pending(tasks),
        },
        "deploymentConfiguration": {
            "minimumHealthyPercent": of.rules.minimum_healthy_percent,
            "maximumPercent": of.rules.maximum_percent,
        },
        "deploymentCircuitBreaker": {
            "status": _breaker_status(of, deployment),
            "failureCount": deployment.failed_tasks,
            "threshold": threshold(of),
        },
    }
    if deployment.finished_at:
        document["finishedAt"] = deployment.finished_at
    return document


def service_deployment_status(of: Service, deployment: Deployment) -> str:
    if deployment.superseded:
        return "STOPPED"
    if deployment.rollout is RolloutState.COMPLETED:
        return "SUCCESSFUL"
    if deployment.rollout is RolloutState.IN_PROGRESS:
        # A deployment that came back is the end of the one that failed; its own success is long ago.
        return "SUCCESSFUL" if deployment.returned_for else "IN_PROGRESS"
    returned = of.last_completed if of.last_completed and of.primary.id == of.last_completed.id else None
    if of.rules.rollback or deployment.stop_requested:
        if returned is None and of.last_completed is not None:
            return "ROLLBACK_IN_PROGRESS"
        if returned is not None:
            back = of.primary.rollout is RolloutState.COMPLETED
            return "ROLLBACK_SUCCESSFUL" if back else "ROLLBACK_IN_PROGRESS"
        return "ROLLBACK_FAILED"
    return "STOPPED"


def _breaker_status(of: Service, deployment: Deployment) -> str:
    if of.rules.breaker is False:
        return "DISABLED"
    if deployment.rollout is RolloutState.FAILED and not deployment.stop_requested:
        return "TRIGGERED"
    return "MONITORING" if deployment.rollout is RolloutState.IN_PROGRESS else "MONITORING_COMPLETE"


def task(context: Context, of: Task, with_tags: bool = False) -> Document:
    definition = context.store.task_definitions.get(of.task_definition)
    source = definition.document if definition else {}
    document: dict[str, Any] = {
        "taskArn": of.arn,
        "clusterArn": of.cluster,
        "taskDefinitionArn": of.task_definition,
        "group": of.group,
        "lastStatus": of.last_status.value,
        "desiredStatus": of.desired_status.value,
        "healthStatus": of.health.value,
        "createdAt": of.created_at,
        "launchType": "FARGATE",
        "platformVersion": PLATFORM_VERSION,
        "platformFamily": "Linux",
        "connectivity": "CONNECTED",
        "availabilityZone": f"{context.arns.region}a",
        "cpu": source.get("cpu", "256"),
        "memory": source.get("memory", "512"),
        "version": 1,
        "overrides": {"containerOverrides": [], **of.overrides},
        "attachments": _attachments(of),
        "containers": [_container(of, container) for container in of.containers],
    }
    for key, at in (
        ("pullStartedAt", of.pull_started_at),
        ("pullStoppedAt", of.pull_stopped_at),
        ("startedAt", of.started_at),
        ("stoppingAt", of.stopping_at),
        ("stoppedAt", of.stopped_at),
    ):
        if at:
            document[key] = at
    for key, text in (
        ("startedBy", of.started_by),
        ("stopCode", of.stop_code),
        ("stoppedReason", of.stopped_reason),
    ):
        if text:
            document[key] = text
    if with_tags:
        document["tags"] = list(of.tags)
    return document


def _container(of: Task, container: Container) -> Document:
    document: dict[str, Any] = {
        "containerArn": f"{of.arn.replace(':task/', ':container/')}/{container.name}",
        "taskArn": of.arn,
        "name": container.name,
        "image": container.image,
        "lastStatus": container.last_status.value,
        "healthStatus": container.health.value,
        "networkInterfaces": [{"privateIpv4Address": container.address}] if container.address else [],
        "networkBindings": [],
    }
    for key, value in (
        ("imageDigest", container.image_digest),
        ("runtimeId", container.runtime_id),
        ("reason", container.reason),
    ):
        if value:
            document[key] = value
    if container.exit_code is not None:
        document["exitCode"] = container.exit_code
    return document


def _attachments(of: Task) -> list[Document]:
    address = next((one.address for one in of.containers if one.address), "")
    if not address:
        return []
    return [
        {
            "id": of.id,
            "type": "ElasticNetworkInterface",
            "status": "DELETED" if of.last_status is TaskStatus.STOPPED else "ATTACHED",
            "details": [{"name": "privateIPv4Address", "value": address}],
        }
    ]


def page_start(parameters: Parameters) -> int:
    token = parameters.get("nextToken") or "0"
    if not token.isdigit() or len(token) > 9:
        raise AwsError("InvalidParameterException", "Invalid token.")
    return int(token)


def next_page(values: Sequence[object], first: int, size: int) -> Document:
    return {"nextToken": str(first + size)} if first + size < len(values) else {}


def _present(tasks: Sequence[Task]) -> list[Task]:
    return [one for one in tasks if one.is_wanted and one.last_status is not TaskStatus.STOPPED]


def _running(tasks: Sequence[Task]) -> int:
    return sum(one.last_status is TaskStatus.RUNNING and one.is_wanted for one in tasks)


def _pending(tasks: Sequence[Task]) -> int:
    return sum(one.last_status.is_starting and one.is_wanted for one in tasks)
