"""Operations on service deployments."""

from __future__ import annotations

from dataclasses import replace

from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecs import documents
from shipline.local_aws.ecs.lookup import cluster_of, service_of
from shipline.local_aws.ecs.values import Deployment, RolloutState, Service
from shipline.protocols.aws_errors import AwsError


async def list_service_deployments(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    service = service_of(context, cluster, parameters["service"])
    wanted = parameters.get("status")
    found = []
    for deployment in _all(service):
        document = documents.service_deployment(context, service, deployment)
        if not wanted or document["status"] in wanted:
            brief = {key: value for key, value in document.items() if key in _BRIEF}
            brief["targetServiceRevisionArn"] = document["targetServiceRevision"]["arn"]
            found.append(brief)
    first = documents.page_start(parameters)
    size = min(parameters.get("maxResults", 20), 100)
    return {"serviceDeployments": found[first : first + size], **documents.next_page(found, first, size)}


_BRIEF = frozenset(
    {
        "serviceDeploymentArn",
        "serviceArn",
        "clusterArn",
        "createdAt",
        "startedAt",
        "finishedAt",
        "status",
        "statusReason",
    }
)


async def describe_service_deployments(context: Context, parameters: Parameters) -> Result:
    found, failures = [], []
    for arn in parameters["serviceDeploymentArns"][:20]:
        match = _find(context, arn)
        if match is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(documents.service_deployment(context, *match))
    return {"serviceDeployments": found, "failures": failures}


async def stop_service_deployment(context: Context, parameters: Parameters) -> Result:
    """Ends a deployment that is in progress and brings the last good one back."""
    arn = parameters["serviceDeploymentArn"]
    match = _find(context, arn)
    if match is None:
        raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
    service, deployment = match
    if deployment.id != service.primary.id or deployment.rollout is not RolloutState.IN_PROGRESS:
        raise AwsError("ConflictException", "The service deployment is not in progress.")
    if parameters.get("stopType", "ROLLBACK") != "ROLLBACK":
        raise AwsError("InvalidParameterException", "Only the stopType ROLLBACK is supported.")
    if service.last_completed is None or service.last_completed.id == deployment.id:
        raise AwsError("ConflictException", "There is no completed deployment to return to.")
    stopped = replace(deployment, stop_requested=True, updated_at=context.clock())
    changed = replace(service, deployments=(stopped, *service.deployments[1:]))
    context.store.services.put(service.arn, changed)
    context.scheduler.look_at(service.arn)
    return {"serviceDeploymentArn": arn}


def _all(service: Service) -> list[Deployment]:
    """Newest first, each once."""
    known = {one.id: one for one in (*service.history, *service.deployments)}
    return sorted(known.values(), key=lambda one: one.created_at, reverse=True)


def _find(context: Context, arn: str) -> tuple[Service, Deployment] | None:
    for service in context.store.services:
        for deployment in _all(service):
            if deployment.arn == arn:
                return service, deployment
    return None


OPERATIONS: Operations = {
    "ListServiceDeployments": list_service_deployments,
    "DescribeServiceDeployments": describe_service_deployments,
    "StopServiceDeployment": stop_service_deployment,
}
