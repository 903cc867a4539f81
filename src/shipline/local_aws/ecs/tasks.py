"""Operations on tasks."""

from __future__ import annotations

from shipline.local_aws.arns import last_part
from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecs import documents
from shipline.local_aws.ecs.lookup import cluster_of, find_task, service_of, task_definition_of
from shipline.local_aws.ecs.values import Task, TaskStatus
from shipline.protocols.aws_errors import AwsError

DESCRIBED_AT_ONCE = 100
RUN_AT_ONCE = 10


async def run_task(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    definition = task_definition_of(context, parameters["taskDefinition"], active=True)
    count = parameters.get("count", 1)
    if not 1 <= count <= RUN_AT_ONCE:
        raise AwsError("InvalidParameterException", f"count must be from 1 to {RUN_AT_ONCE}.")
    overrides = parameters.get("overrides", {})
    known = {container["name"] for container in definition.containers}
    for override in overrides.get("containerOverrides", []):
        if override.get("name") not in known:
            raise AwsError(
                "InvalidParameterException",
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition.",
            )
    tasks = [
        Task(
            arn=context.arns.task(cluster.name, context.new_id()),
            cluster=cluster.arn,
            task_definition=definition.arn,
            group=parameters.get("group", f"family:{definition.family}"),
            created_at=context.clock(),
            started_by=parameters.get("startedBy", ""),
            overrides=overrides,
            tags=tuple(parameters.get("tags", ())),
        )
        for _ in range(count)
    ]
    for task in tasks:
        context.scheduler.run_task(task)
    return {"tasks": [documents.task(context, task) for task in tasks], "failures": []}


async def stop_task(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    task = find_task(context, cluster, parameters["task"])
    if task is None:
        raise AwsError("InvalidParameterException", "The referenced task was not found.")
    context.scheduler.stop_task(task.arn, "UserInitiated", parameters.get("reason") or "Task stopped by user")
    return {"task": documents.task(context, context.store.tasks.get(task.arn) or task)}


async def describe_tasks(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    names = parameters["tasks"]
    if not 1 <= len(names) <= DESCRIBED_AT_ONCE:
        raise AwsError("InvalidParameterException", "Tasks must be from 1 to 100 names.")
    found, failures = [], []
    for named in names:
        task = find_task(context, cluster, named)
        if task is None:
            arn = named if named.startswith("arn:") else context.arns.task(cluster.name, named)
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(documents.task(context, task, "TAGS" in parameters.get("include", [])))
    return {"tasks": found, "failures": failures}


async def list_tasks(context: Context, parameters: Parameters) -> Result:
    cluster = cluster_of(context, parameters.get("cluster"))
    desired = parameters.get("desiredStatus", "RUNNING")
    service = parameters.get("serviceName")
    wanted = service_of(context, cluster, service).arn if service else None
    family = parameters.get("family")
    started_by = parameters.get("startedBy")
    arns = [
        task.arn
        for task in context.store.tasks
        if task.cluster == cluster.arn
        and task.desired_status.value == ("RUNNING" if desired == "PENDING" else desired)
        and (desired != "PENDING" or task.last_status.is_starting)
        and wanted in (None, task.service)
        and (not family or last_part(task.task_definition).partition(":")[0] == family)
        and started_by in (None, task.started_by)
        and (desired != "RUNNING" or task.last_status is not TaskStatus.STOPPED)
    ]
    first = documents.page_start(parameters)
    size = min(parameters.get("maxResults", DESCRIBED_AT_ONCE), DESCRIBED_AT_ONCE)
    return {"taskArns": arns[first : first + size], **documents.next_page(arns, first, size)}


OPERATIONS: Operations = {
    "RunTask": run_task,
    "StopTask": stop_task,
    "DescribeTasks": describe_tasks,
    "ListTasks": list_tasks,
}
