"""Operations on clusters."""

from __future__ import annotations

import re
from dataclasses import replace

from shipline.local_aws.arns import last_part
from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecs.lookup import DEFAULT_CLUSTER, cluster_of
from shipline.local_aws.ecs.values import Cluster, TaskStatus
from shipline.protocols.aws_errors import AwsError

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


async def create_cluster(context: Context, parameters: Parameters) -> Result:
    name = parameters.get("clusterName", DEFAULT_CLUSTER)
    if not NAME.fullmatch(name):
        raise AwsError("InvalidParameterException", f"Invalid cluster name {name[:255]!r}.")
    arn = context.arns.cluster(name)
    found = context.store.clusters.get(arn)
    if found is None or found.status != "ACTIVE":
        found = Cluster(arn, name, context.clock(), tags=tuple(parameters.get("tags", ())))
        context.store.clusters.put(arn, found)
    return {"cluster": _document(context, found)}


async def describe_clusters(context: Context, parameters: Parameters) -> Result:
    found, failures = [], []
    for named in parameters.get("clusters") or [DEFAULT_CLUSTER]:
        arn = context.arns.cluster(last_part(named))
        cluster = context.store.clusters.get(arn)
        if cluster is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_document(context, cluster))
    return {"clusters": found, "failures": failures}


async def list_clusters(context: Context, parameters: Parameters) -> Result:
    return {"clusterArns": [cluster.arn for cluster in context.store.clusters if cluster.status == "ACTIVE"]}


async def delete_cluster(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters["cluster"])
    if any(one.cluster == cluster.arn and one.status == "ACTIVE" for one in context.store.services):
        raise AwsError(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    if any(_is_present(task.last_status) for task in context.store.tasks if task.cluster == cluster.arn):
        raise AwsError(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )
    inactive = replace(cluster, status="INACTIVE")
    context.store.clusters.put(cluster.arn, inactive)
    return {"cluster": _document(context, inactive)}


def _is_present(status: TaskStatus) -> bool:
    return status is not TaskStatus.STOPPED


def _document(context: Context, cluster: Cluster) -> Result:
    tasks = [task for task in context.store.tasks if task.cluster == cluster.arn]
    return {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": sum(task.last_status is TaskStatus.RUNNING for task in tasks),
        "pendingTasksCount": sum(task.last_status.is_starting for task in tasks),
        "activeServicesCount": sum(
            one.cluster == cluster.arn and one.status == "ACTIVE" for one in context.store.services
        ),
        "statistics": [],
        "tags": list(cluster.tags),
        "settings": [],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    }


OPERATIONS: Operations = {
    "CreateCluster": create_cluster,
    "DescribeClusters": describe_clusters,
    "ListClusters": list_clusters,
    "DeleteCluster": delete_cluster,
}
