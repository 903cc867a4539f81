"""What runs, for people: every service with the URL where it answers."""

from __future__ import annotations

from typing import Any

from shipline.local_aws.context import Context
from shipline.local_aws.ecs.values import Service, Task, TaskStatus


def overview(context: Context) -> list[dict[str, Any]]:
    return [_service(context, one) for one in context.store.services if one.status == "ACTIVE"]


def _service(context: Context, service: Service) -> dict[str, Any]:
    tasks = [task for task in context.store.tasks if task.service == service.arn]
    running = [task for task in tasks if task.last_status is TaskStatus.RUNNING and task.is_wanted]
    return {
        "name": service.name,
        "cluster": service.cluster.rpartition("/")[2],
        "url": _url(context, service),
        "task_definition": service.task_definition.rpartition("/")[2],
        "images": sorted({container.image for task in running for container in task.containers}),
        "desired": service.desired_count,
        "running": len(running),
        "deployment": service.primary.rollout.value,
        "reason": service.primary.reason,
        "last_stopped": _last_stopped(tasks),
    }


def _url(context: Context, service: Service) -> str:
    groups = {target.group for target in service.targets}
    ports = [one.local_port for one in context.store.listeners if one.target_group in groups]
    return f"http://127.0.0.1:{ports[0]}/" if ports else ""


def _last_stopped(tasks: list[Task]) -> str:
    failed = [task for task in tasks if task.failed and task.stopped_at]
    return max(failed, key=lambda task: task.stopped_at).stopped_reason if failed else ""
