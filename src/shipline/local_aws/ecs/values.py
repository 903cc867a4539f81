"""What ECS keeps: clusters, task definitions, services with their deployments, tasks. Pure.

Names are the API's. Times are seconds since the epoch; 0 means never. Parts of a request that are only
remembered and told again stay as the API's documents (`dict`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Document = dict[str, Any]


class RolloutState(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class TaskStatus(StrEnum):
    """A task's way; it is never gone back."""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    ACTIVATING = "ACTIVATING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"

    @property
    def is_starting(self) -> bool:
        return self in (TaskStatus.PROVISIONING, TaskStatus.PENDING, TaskStatus.ACTIVATING)


class Health(StrEnum):
    """Of a container with a health check, and of a target."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


@dataclass(frozen=True, slots=True)
class Cluster:
    arn: str
    name: str
    created_at: float
    status: str = "ACTIVE"
    tags: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """`document` is the API's `taskDefinition`, complete with defaults."""

    arn: str
    family: str
    revision: int
    document: Document
    status: str = "ACTIVE"
    registered_at: float = 0
    deregistered_at: float = 0
    tags: tuple[dict[str, str], ...] = ()

    @property
    def containers(self) -> list[Document]:
        return list(self.document["containerDefinitions"])

    @property
    def has_health_check(self) -> bool:
        return any("healthCheck" in container for container in self.containers)


@dataclass(frozen=True, slots=True)
class DeploymentRules:
    """How a service may be changed. `breaker` None: the request said nothing about a circuit breaker."""

    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    breaker: bool | None = None
    rollback: bool = False
    threshold: int | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One rollout of a task definition to a service. `failed_tasks` counts consecutive failures; no task is
    started before `retry_at`. `images`: what each tag was when the first task resolved it. `returned_for` is
    the deployment whose failure brought this one back."""

    id: str
    arn: str
    task_definition: str
    created_at: float
    updated_at: float
    rollout: RolloutState = RolloutState.IN_PROGRESS
    reason: str = ""
    failed_tasks: int = 0
    last_failure: str = ""
    retry_at: float = 0
    finished_at: float = 0
    stop_requested: bool = False
    superseded: bool = False
    returned_for: str = ""
    images: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    created_at: float
    message: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where one container of each task answers for a target group."""

    group: str
    container: str
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """`deployments`: PRIMARY first, then those that still have tasks. `history`: those that are over, newest
    first. `last_completed` is where a rollback goes to."""

    arn: str
    name: str
    cluster: str
    desired_count: int
    task_definition: str
    rules: DeploymentRules
    created_at: float
    deployments: tuple[Deployment, ...] = ()
    history: tuple[Deployment, ...] = ()
    last_completed: Deployment | None = None
    events: tuple[Event, ...] = ()
    targets: tuple[Target, ...] = ()
    grace_period: float = 0
    checked_by_container: bool = False
    steady: bool = False
    status: str = "ACTIVE"
    document: Document = field(default_factory=dict)
    tags: tuple[dict[str, str], ...] = ()

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a task, as the engine has it."""

    name: str
    image: str
    image_digest: str = ""
    runtime_id: str = ""
    last_status: TaskStatus = TaskStatus.PENDING
    exit_code: int | None = None
    reason: str = ""
    health: Health = Health.UNKNOWN
    address: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """`failed`: it ended, or has to end, for a reason of its own. `proved`: it has been ready once.
    `accounted`: its service has drawn its conclusions from its end. `last_words`: the end of its log."""

    arn: str
    cluster: str
    task_definition: str
    group: str
    created_at: float
    started_by: str = ""
    service: str = ""
    last_status: TaskStatus = TaskStatus.PROVISIONING
    desired_status: TaskStatus = TaskStatus.RUNNING
    health: Health = Health.UNKNOWN
    target_health: Health = Health.UNKNOWN
    target_reason: str = ""
    pull_started_at: float = 0
    pull_stopped_at: float = 0
    started_at: float = 0
    stopping_at: float = 0
    stopped_at: float = 0
    stop_code: str = ""
    stopped_reason: str = ""
    failed: bool = False
    proved: bool = False
    accounted: bool = False
    last_words: str = ""
    containers: tuple[Container, ...] = ()
    overrides: Document = field(default_factory=dict)
    tags: tuple[dict[str, str], ...] = ()

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def is_wanted(self) -> bool:
        return self.desired_status is TaskStatus.RUNNING
