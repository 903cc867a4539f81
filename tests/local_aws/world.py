"""A world without an engine: applies plans to records, lets tasks start, get well, fall ill and end on time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from shipline.local_aws.ecs.plan import Plan, fewest_and_most, is_ready, plan
from shipline.local_aws.ecs.values import (
    Deployment,
    DeploymentRules,
    Health,
    RolloutState,
    Service,
    Target,
    Task,
    TaskStatus,
)

TARGET = Target("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/app/0123", "web", 8000)


def service(desired: int = 1, *, balanced: bool = True, rules: DeploymentRules | None = None) -> Service:
    return Service(
        arn="service/app",
        name="app",
        cluster="cluster/c",
        desired_count=desired,
        task_definition="app:1",
        rules=rules or DeploymentRules(),
        created_at=0,
        deployments=(deployment("d1", "app:1"),),
        targets=(TARGET,) if balanced else (),
    )


def deployment(name: str, definition: str, at: float = 0) -> Deployment:
    return Deployment(id=name, arn=f"arn/{name}", task_definition=definition, created_at=at, updated_at=at)


@dataclass(frozen=True)
class Behaviour:
    """What tasks of a version do, in seconds after their start: get healthy, get unhealthy, or exit."""

    boot: float = 1.0
    healthy: bool = True
    unhealthy_after: float | None = None
    exits_after: float | None = None
    drain: float = 0.5


@dataclass
class World:
    service: Service
    behaviours: dict[str, Behaviour]
    now: float = 0.0
    tasks: dict[str, Task] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    counter: int = 0
    watch: Callable[[World], None] = lambda world: None
    _ending: dict[str, float] = field(default_factory=dict)

    def deploy(self, name: str, definition: str) -> None:
        old = tuple(
            replace(one, superseded=True) if one.rollout is RolloutState.IN_PROGRESS else one
            for one in self.service.deployments
        )
        new = deployment(name, definition, self.now)
        self.service = replace(
            self.service, task_definition=definition, deployments=(new, *old), steady=False
        )

    def run(self, seconds: float, step: float = 0.25) -> None:
        end = self.now + seconds
        while self.now < end:
            self._nature()
            for _ in range(2):
                self._apply(
                    plan(self.service, [one for one in self.tasks.values() if not one.accounted], self.now)
                )
            self.watch(self)
            self.now = round(self.now + step, 3)

    def kill(self, task: Task) -> None:
        self._fail(task, "EssentialContainerExited", "Essential container in task exited")

    @property
    def ready(self) -> list[Task]:
        return [task for task in self.tasks.values() if is_ready(self.service, task, self.now)]

    def serving(self) -> set[str]:
        """The versions that answer."""
        return {task.task_definition for task in self.ready}

    def fewest(self) -> int:
        return fewest_and_most(self.service)[0]

    def _apply(self, decided: Plan) -> None:
        self.service = decided.service
        for task in decided.tasks:
            self.tasks[task.arn] = task
        self.told += decided.events
        for stop in decided.stop:
            task = self.tasks[stop.task]
            self.tasks[task.arn] = replace(
                task,
                desired_status=TaskStatus.STOPPED,
                last_status=TaskStatus.DEACTIVATING,
                stopped_reason=stop.reason,
                failed=stop.failed,
            )
            self._ending[task.arn] = self.now + self.behaviours[task.task_definition].drain
        for start in decided.start:
            for _ in range(start.count):
                self.counter += 1
                made = next(one for one in self.service.deployments if one.id == start.deployment)
                arn = f"task/{self.counter}"
                self.tasks[arn] = Task(
                    arn=arn,
                    cluster="cluster/c",
                    task_definition=made.task_definition,
                    group="service:app",
                    created_at=self.now,
                    started_by=made.id,
                    service=self.service.arn,
                    last_status=TaskStatus.PENDING,
                )

    def _nature(self) -> None:
        for task in list(self.tasks.values()):
            how = self.behaviours[task.task_definition]
            age = self.now - task.created_at
            if task.last_status is TaskStatus.STOPPED:
                continue
            if task.arn in self._ending and self.now >= self._ending[task.arn]:
                self.tasks[task.arn] = replace(task, last_status=TaskStatus.STOPPED, stopped_at=self.now)
            elif not task.is_wanted:
                continue
            elif how.exits_after is not None and age >= how.exits_after:
                self.kill(task)
            elif task.last_status is TaskStatus.PENDING:
                self.tasks[task.arn] = replace(task, last_status=TaskStatus.RUNNING, started_at=self.now)
            elif age >= how.boot:
                ill = not how.healthy or (how.unhealthy_after is not None and age >= how.unhealthy_after)
                health = Health.UNHEALTHY if ill else Health.HEALTHY
                if self.service.targets:
                    self.tasks[task.arn] = replace(task, target_health=health)
                if self.service.checked_by_container:
                    self.tasks[task.arn] = replace(self.tasks[task.arn], health=health)

    def _fail(self, task: Task, code: str, reason: str) -> None:
        self.tasks[task.arn] = replace(
            task,
            last_status=TaskStatus.STOPPED,
            desired_status=TaskStatus.STOPPED,
            stop_code=code,
            stopped_reason=reason,
            stopped_at=self.now,
            failed=True,
        )
