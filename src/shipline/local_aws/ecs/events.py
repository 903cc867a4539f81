"""What a service tells: the texts of its events and reasons, in ECS's wording. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shipline.local_aws.ecs.values import Task

CONTAINER_CHECKS_FAILED = "Task failed container health checks"
ESSENTIAL_EXITED = "Essential container in task exited"
LAST_WORDS_LENGTH = 240


def started(service: str, tasks: Sequence[str]) -> str:
    return f"(service {service}) has started {len(tasks)} tasks: {_tasks(tasks)}."


def stopped(service: str, tasks: Sequence[str]) -> str:
    return f"(service {service}) has stopped {len(tasks)} running tasks: {_tasks(tasks)}."


def draining(service: str, tasks: Sequence[str]) -> str:
    return f"(service {service}) has begun draining connections on {len(tasks)} tasks."


def registered(service: str, group: str) -> str:
    return f"(service {service}) registered 1 targets in (target-group {group})"


def deregistered(service: str, group: str) -> str:
    return f"(service {service}) deregistered 1 targets in (target-group {group})"


def deployment_completed(service: str, deployment: str) -> str:
    return f"(service {service}) (deployment {deployment}) deployment completed."


def deployment_failed(service: str, deployment: str, last_failure: str) -> str:
    because = f" Last failure: {last_failure}" if last_failure else ""
    return f"(service {service}) (deployment {deployment}) deployment failed: tasks failed to start.{because}"


def rolling_back(service: str, deployment: str) -> str:
    return f"(service {service}) rolling back to deployment {deployment}."


def steady(service: str) -> str:
    return f"(service {service}) has reached a steady state."


def cannot_start_consistently(service: str) -> str:
    return (
        f"(service {service}) is unable to consistently start tasks successfully. For more information, see "
        "the Troubleshooting section of the Amazon ECS Developer Guide."
    )


def no_room(service: str, fewest: int, most: int) -> str:
    return (
        f"(service {service}) was unable to place a task. Reason: at least {fewest} tasks must stay healthy and "
        f"at most {most} may run, so no new one can be started. Raise maximumPercent or lower "
        "minimumHealthyPercent."
    )


def failed_container_checks(service: str, task: str) -> str:
    return f"(service {service}) (task {task}) failed container health checks."


def unhealthy_target(service: str, task: str, port: int, group: str, reason: str) -> str:
    name = group.split("/")[1] if group.count("/") == 2 else group
    return (
        f"(service {service}) (task {task}) (port {port}) is unhealthy in (target-group {name}) "
        f"due to (reason {reason})"
    )


def target_checks_failed(group: str) -> str:
    return f"Task failed ELB health checks in (target-group {group})"


def stopped_by(deployment: str) -> str:
    return f"Scaling activity initiated by (deployment {deployment})"


def in_progress(deployment: str) -> str:
    return f"ECS deployment {deployment} in progress."


def completed(deployment: str) -> str:
    return f"ECS deployment {deployment} completed."


def breaker(last_failure: str) -> str:
    because = f" Last failure: {last_failure}" if last_failure else ""
    return f"ECS deployment circuit breaker: tasks failed to start.{because}"


def failure(task: Task) -> str:
    """Why a task failed, in one line: its reason, exit codes, and the last line that it said."""
    parts = [f"(task {task.id}) {task.stopped_reason}"]
    for container in task.containers:
        if container.exit_code:
            parts.append(f"container {container.name} exit code {container.exit_code}")
        if container.reason and container.reason not in task.stopped_reason:
            parts.append(container.reason)
    text = ", ".join(parts)
    return f"{text}: {task.last_words[-LAST_WORDS_LENGTH:]}" if task.last_words else text


def _tasks(tasks: Sequence[str]) -> str:
    return " ".join(f"(task {task})" for task in tasks)
