"""Operations on services: what is wanted is written down; the scheduler makes it so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecs import documents, events
from shipline.local_aws.ecs.clusters import NAME
from shipline.local_aws.ecs.lookup import cluster_of, find_service, service_of, task_definition_of
from shipline.local_aws.ecs.values import (
    Cluster,
    Deployment,
    DeploymentRules,
    Document,
    RolloutState,
    Service,
    Target,
    TaskDefinition,
)
from shipline.local_aws.elb.api import find_target_group
from shipline.protocols.aws_errors import AwsError

DESCRIBED_AT_ONCE = 10
LIST_LENGTH = 100
DESIRED_LIMIT = 100
# A change of one of these is a new deployment.
_DEPLOYED = ("networkConfiguration", "loadBalancers", "serviceRegistries", "serviceConnectConfiguration")
_REMEMBERED = (
    *_DEPLOYED,
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
)


async def create_service(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    name = parameters["serviceName"]
    if not NAME.fullmatch(name):
        raise AwsError("InvalidParameterException", f"Invalid service name {name[:255]!r}.")
    existing = find_service(context, cluster, name)
    if existing is not None and existing.status == "ACTIVE":
        raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
    _refuse(parameters)
    if not parameters.get("taskDefinition"):
        raise AwsError("InvalidParameterException", "TaskDefinition is required.")
    definition = task_definition_of(context, parameters["taskDefinition"], active=True)
    now = context.clock()
    service = Service(
        arn=context.arns.service(cluster.name, name),
        name=name,
        cluster=cluster.arn,
        desired_count=_desired(parameters, 1),
        task_definition=definition.arn,
        rules=_rules(parameters.get("deploymentConfiguration", {}), DeploymentRules()),
        created_at=now,
        targets=_targets(context, parameters, definition),
        grace_period=parameters.get("healthCheckGracePeriodSeconds", 0),
        checked_by_container=definition.has_health_check,
        document=_remembered(parameters, {}),
        tags=tuple(parameters.get("tags", ())),
    )
    service = replace(service, deployments=(_deployment(context, cluster, service, now),))
    context.store.services.put(service.arn, service)
    context.scheduler.look_at(service.arn)
    return {"service": documents.service(context, service)}


async def update_service(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    service = service_of(context, cluster, parameters["service"])
    _refuse(parameters)
    named = parameters.get("taskDefinition") or service.task_definition
    definition = task_definition_of(context, named, active=named != service.task_definition)
    now = context.clock()
    remembered = _remembered(parameters, service.document)
    deploy = (
        definition.arn != service.task_definition
        or bool(parameters.get("forceNewDeployment"))
        or any(remembered.get(key) != service.document.get(key) for key in _DEPLOYED)
    )
    changed = replace(
        service,
        desired_count=_desired(parameters, service.desired_count),
        task_definition=definition.arn,
        rules=_rules(parameters.get("deploymentConfiguration", {}), service.rules),
        targets=_targets(context, {"loadBalancers": remembered.get("loadBalancers", [])}, definition),
        grace_period=parameters.get("healthCheckGracePeriodSeconds", service.grace_period),
        checked_by_container=definition.has_health_check,
        document=remembered,
        steady=False,
    )
    if deploy:
        changed = replace(
            changed,
            deployments=(
                _deployment(context, cluster, changed, now),
                *(_superseded(one, now) for one in service.deployments),
            ),
        )
    context.store.services.put(service.arn, changed)
    context.scheduler.look_at(service.arn)
    return {"service": documents.service(context, changed)}


async def describe_services(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    names = parameters["services"]
    if not 1 <= len(names) <= DESCRIBED_AT_ONCE:
        raise AwsError("InvalidParameterException", "Services must be from 1 to 10 names.")
    found, failures = [], []
    for named in names:
        service = find_service(context, cluster, named)
        if service is None:
            arn = named if named.startswith("arn:") else context.arns.service(cluster.name, named)
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(documents.service(context, service, "TAGS" in parameters.get("include", [])))
    return {"services": found, "failures": failures}


async def list_services(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    arns = [
        one.arn for one in context.store.services if one.cluster == cluster.arn and one.status == "ACTIVE"
    ]
    first = documents.page_start(parameters)
    size = min(parameters.get("maxResults", 10), LIST_LENGTH)
    return {"serviceArns": arns[first : first + size], **documents.next_page(arns, first, size)}


async def delete_service(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    service = service_of(context, cluster, parameters["service"])
    if service.desired_count > 0 and not parameters.get("force"):
        raise AwsError(
            "InvalidParameterException",
            "The service cannot be stopped while it is scaled above 0.",
        )
    ended = replace(service, status="INACTIVE", desired_count=0)
    context.store.services.put(service.arn, ended)
    context.scheduler.look_at(service.arn)
    return {"service": documents.service(context, replace(ended, status="DRAINING"))}


def _deployment(context: Context, cluster: Cluster, service: Service, now: float) -> Deployment:
    # ECS's ids are 19 digits.
    number = str(int(context.new_id(), 16))[:19].zfill(19)
    deployment_id = f"ecs-svc/{number}"
    return Deployment(
        id=deployment_id,
        arn=context.arns.service_deployment(cluster.name, service.name, context.new_id()[:21]),
        task_definition=service.task_definition,
        created_at=now,
        updated_at=now,
        reason=events.in_progress(deployment_id),
    )


def _superseded(deployment: Deployment, now: float) -> Deployment:
    if deployment.rollout is not RolloutState.IN_PROGRESS or deployment.superseded:
        return deployment
    return replace(deployment, superseded=True, finished_at=now, updated_at=now)


def _desired(parameters: Parameters, otherwise: int) -> int:
    desired = int(parameters.get("desiredCount", otherwise))
    if not 0 <= desired <= DESIRED_LIMIT:
        raise AwsError("InvalidParameterException", f"desiredCount must be from 0 to {DESIRED_LIMIT} here.")
    return desired


def _rules(given: Document, rules: DeploymentRules) -> DeploymentRules:
    breaker: dict[str, Any] = given.get("deploymentCircuitBreaker") or {}
    least = given.get("minimumHealthyPercent", rules.minimum_healthy_percent)
    most = given.get("maximumPercent", rules.maximum_percent)
    if not 0 <= least <= 100 or not 100 <= most <= 200:
        raise AwsError(
            "InvalidParameterException",
            "minimumHealthyPercent must be from 0 to 100, maximumPercent from 100 to 200.",
        )
    if given.get("strategy", "ROLLING") != "ROLLING" or given.get("alarms", {}).get("enable"):
        raise AwsError("UnsupportedFeatureException", "Only rolling deployments without alarms run here.")
    threshold = breaker.get("thresholdConfiguration", {})
    return DeploymentRules(
        minimum_healthy_percent=least,
        maximum_percent=most,
        breaker=breaker.get("enable", rules.breaker),
        rollback=breaker.get("rollback", rules.rollback),
        threshold=threshold["value"] if threshold.get("type") == "COUNT" else rules.threshold,
    )


def _targets(context: Context, parameters: Parameters, definition: TaskDefinition) -> tuple[Target, ...]:
    found = []
    for balancer in parameters.get("loadBalancers", []):
        container, port = balancer.get("containerName", ""), balancer.get("containerPort", 0)
        mapped = [
            mapping.get("containerPort")
            for one in definition.containers
            if one["name"] == container
            for mapping in one["portMappings"]
        ]
        if port not in mapped:
            raise AwsError(
                "InvalidParameterException",
                f"The container {container} did not have a container port {port} defined.",
            )
        group = find_target_group(context, balancer.get("targetGroupArn", ""))
        found.append(Target(group.arn, container, port))
    return tuple(found)


def _remembered(parameters: Parameters, before: Document) -> Document:
    return before | {key: parameters[key] for key in _REMEMBERED if key in parameters}


def _refuse(parameters: Parameters) -> None:
    if parameters.get("schedulingStrategy", "REPLICA") != "REPLICA":
        raise AwsError("UnsupportedFeatureException", "Only the scheduling strategy REPLICA runs here.")
    if parameters.get("deploymentController", {}).get("type", "ECS") != "ECS":
        raise AwsError("UnsupportedFeatureException", "Only the deployment controller ECS runs here.")


OPERATIONS: Operations = {
    "CreateService": create_service,
    "UpdateService": update_service,
    "DescribeServices": describe_services,
    "ListServices": list_services,
    "DeleteService": delete_service,
}
