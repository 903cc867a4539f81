"""Finding things by the names that requests may use: a name, an ARN, or nothing for the default."""

from __future__ import annotations

from shipline.local_aws.arns import last_part
from shipline.local_aws.context import Context
from shipline.local_aws.ecs.values import Cluster, Service, Task, TaskDefinition
from shipline.protocols.aws_errors import AwsError

DEFAULT_CLUSTER = "default"


def cluster_of(context: Context, named: str | None) -> Cluster:
    """Raises ClusterNotFoundException."""
    found = context.store.clusters.get(context.arns.cluster(last_part(named or DEFAULT_CLUSTER)))
    if found is None or found.status != "ACTIVE":
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    return found


def find_service(context: Context, cluster: Cluster, named: str) -> Service | None:
    return context.store.services.get(context.arns.service(cluster.name, last_part(named)))


def service_of(context: Context, cluster: Cluster, named: str) -> Service:
    """Raises ServiceNotFoundException, ServiceNotActiveException."""
    found = find_service(context, cluster, named)
    if found is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if found.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    return found


def find_task(context: Context, cluster: Cluster, named: str) -> Task | None:
    return context.store.tasks.get(context.arns.task(cluster.name, last_part(named)))


def task_definition_of(context: Context, named: str, *, active: bool = False) -> TaskDefinition:
    """`family`, `family:revision` or the ARN. Raises ClientException; with `active`, for a deregistered one
    too."""
    family, colon, revision = last_part(named).partition(":")
    if colon:
        number = int(revision) if revision.isdigit() and len(revision) < 10 else 0
        found = context.store.task_definitions.get(context.arns.task_definition(family, number))
    else:
        found = latest(context, family)
    if found is None:
        raise AwsError("ClientException", "Unable to describe task definition.")
    if active and found.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    return found


def latest(context: Context, family: str) -> TaskDefinition | None:
    """The newest ACTIVE revision of a family."""
    revisions = [
        one for one in context.store.task_definitions if one.family == family and one.status == "ACTIVE"
    ]
    return max(revisions, key=lambda one: one.revision, default=None)
