"""What a service's scheduler does next: facts and the time in, a changed service and a list of actions out. Pure.

The rules are ECS's (rolling update, deployment circuit breaker), with these readings of our own:

- A service whose request says nothing about a circuit breaker is on AWS retried for hours. Here its
  deployment is FAILED after the breaker's threshold, as with `{"enable": true, "rollback": false}`: the old
  tasks go on serving, and everybody who asks is told. `{"enable": false}` is taken at its word.
- A task that ends by itself while its deployment is in progress is a failure, whether it has been RUNNING or
  not. (ECS may never count an application that starts, has no health check, and exits later.)
- A deployment with rollback stays PRIMARY and FAILED for FAILED_VISIBLE_SECONDS before the old one returns,
  so that who asks once a second sees it.
- Without any health check a task counts as healthy after SETTLE_SECONDS of RUNNING (AWS: 40).
- While the new version fails, tasks of the old one that end are replaced by tasks of the old one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shipline.local_aws.ecs import events
from shipline.local_aws.ecs.values import Deployment, Health, RolloutState, Service, Task, TaskStatus

SETTLE_SECONDS = 5.0
FAILED_VISIBLE_SECONDS = 3.0
LONGEST_RETRY_SECONDS = 60.0
HISTORY_LENGTH = 50
_LEAST_THRESHOLD, _MOST_THRESHOLD = 3, 200


@dataclass(frozen=True, slots=True)
class StartTasks:
    """`deployment` is the id of the one that they are started by."""

    deployment: str
    count: int


@dataclass(frozen=True, slots=True)
class StopTask:
    """`failed`: the task is to blame."""

    task: str
    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`tasks` are those whose record changes. `events` are messages, oldest first. At `wake_at` the plan has
    to be made again even if nothing happens; None: only when something does."""

    service: Service
    tasks: tuple[Task, ...] = ()
    start: tuple[StartTasks, ...] = ()
    stop: tuple[StopTask, ...] = ()
    events: tuple[str, ...] = ()
    wake_at: float | None = None


def plan(service: Service, tasks: Iterable[Task], now: float) -> Plan:
    """What to do now. `tasks`: the service's, those that have stopped only until they are `accounted`."""
    work = _Work(service, {task.arn: task for task in tasks}, now)
    if service.status != "ACTIVE":
        work.stop_everything()
        return work.plan()
    work.stop_the_unhealthy()
    work.account_for_ends_and_starts()
    work.judge()
    work.roll_back()
    work.replace_old_by_new()
    work.complete()
    work.forget_what_is_over()
    return work.plan()


def threshold(service: Service) -> int:
    """After how many failures in a row a deployment has failed."""
    if service.rules.threshold is not None:
        return service.rules.threshold
    return min(max(math.ceil(service.desired_count / 2), _LEAST_THRESHOLD), _MOST_THRESHOLD)


def retry_delay(failures: int) -> float:
    """Seconds until a task is started again after so many failures in a row."""
    return 0.0 if failures < _LEAST_THRESHOLD else min(LONGEST_RETRY_SECONDS, 2.0 ** (failures - 3))


def fewest_and_most(service: Service) -> tuple[int, int]:
    """How many tasks must stay healthy, and how many may run or start, during a deployment."""
    rules, desired = service.rules, service.desired_count
    return (
        math.ceil(desired * rules.minimum_healthy_percent / 100),
        math.floor(desired * rules.maximum_percent / 100),
    )


def is_ready(service: Service, task: Task, now: float) -> bool:
    """ECS's "healthy": running, and what can be checked about it is well."""
    at = ready_at(service, task)
    return at is not None and at <= now


def ready_at(service: Service, task: Task) -> float | None:
    """Since or from when the task is ready, as far as can be told. None: something has to happen first."""
    if task.last_status is not TaskStatus.RUNNING or not task.is_wanted:
        return None
    if service.checked_by_container and task.health is not Health.HEALTHY:
        return None
    if service.targets and task.target_health is not Health.HEALTHY:
        return None
    checked = service.checked_by_container or bool(service.targets)
    return task.started_at if checked else task.started_at + SETTLE_SECONDS


@dataclass
class _Work:
    """The plan while it is being made: each step reads what the steps before it have left."""

    service: Service
    tasks: dict[str, Task]
    now: float
    changed: dict[str, Task] = field(default_factory=dict)
    starts: list[StartTasks] = field(default_factory=list)
    stops: list[StopTask] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)

    def plan(self) -> Plan:
        later = [at for at in self.wakes if at > self.now]
        return Plan(
            self.service,
            tuple(self.changed.values()),
            tuple(self.starts),
            tuple(self.stops),
            tuple(self.messages),
            min(later) if later else None,
        )

    # Steps, in the order in which `plan` takes them.

    def stop_everything(self) -> None:
        for task in self.wanted():
            self.stop(task, events.stopped_by(self.service.primary.id))
        for task in [task for task in self.tasks.values() if task.last_status is TaskStatus.STOPPED]:
            self.change(replace(task, accounted=True))

    def stop_the_unhealthy(self) -> None:
        """Unhealthy tasks are stopped, and are to blame; a service's grace period holds that off."""
        for task in self.wanted():
            if task.last_status is not TaskStatus.RUNNING:
                continue
            if Health.UNHEALTHY not in (task.health, task.target_health):
                continue
            excused_until = task.started_at + self.service.grace_period
            if self.now < excused_until:
                self.wakes.append(excused_until)
            elif task.health is Health.UNHEALTHY:
                self.messages.append(events.failed_container_checks(self.service.name, task.id))
                self.stop(task, events.CONTAINER_CHECKS_FAILED, failed=True)
            else:
                target = self.service.targets[0]
                self.messages.append(
                    events.unhealthy_target(
                        self.service.name, task.id, target.port, target.group, task.target_reason
                    )
                )
                self.stop(task, events.target_checks_failed(target.group), failed=True)

    def account_for_ends_and_starts(self) -> None:
        for task in list(self.tasks.values()):
            if task.last_status is TaskStatus.STOPPED:
                if task.failed and self.deployment(task.started_by) is not None:
                    self.count_failure(task)
                self.change(replace(task, accounted=True))
            elif not task.proved and is_ready(self.service, task, self.now):
                self.change(replace(task, proved=True))
                if (deployment := self.deployment(task.started_by)) is not None:
                    self.put(replace(deployment, failed_tasks=0, retry_at=0))
            elif not task.proved and (at := ready_at(self.service, task)) is not None:
                self.wakes.append(at)

    def count_failure(self, task: Task) -> None:
        deployment = self.deployment(task.started_by)
        assert deployment is not None
        failures = deployment.failed_tasks + 1
        self.put(
            replace(
                deployment,
                failed_tasks=failures,
                last_failure=events.failure(task),
                retry_at=self.now + retry_delay(failures),
                updated_at=self.now,
            )
        )
        if failures == _LEAST_THRESHOLD and self.service.rules.breaker is False:
            self.messages.append(events.cannot_start_consistently(self.service.name))
        self.service = replace(self.service, steady=False)

    def judge(self) -> None:
        """The circuit breaker, and who asks to stop the deployment."""
        primary = self.service.primary
        if primary.rollout is not RolloutState.IN_PROGRESS:
            return
        broken = self.service.rules.breaker is not False and primary.failed_tasks >= threshold(self.service)
        if not broken and not primary.stop_requested:
            return
        reason = events.breaker(primary.last_failure) if broken else "ECS deployment was stopped on request."
        self.put(
            replace(
                primary,
                rollout=RolloutState.FAILED,
                reason=reason,
                updated_at=self.now,
                finished_at=self.now,
            )
        )
        self.messages.append(events.deployment_failed(self.service.name, primary.id, primary.last_failure))
        for task in self.wanted(primary.id):
            if not self.ready(task):
                self.stop(task, events.stopped_by(primary.id))

    def roll_back(self) -> None:
        failed, target = self.service.primary, self.service.last_completed
        if failed.rollout is not RolloutState.FAILED or target is None or target.id == failed.id:
            return
        if not (self.service.rules.rollback or failed.stop_requested):
            return
        due = failed.finished_at + FAILED_VISIBLE_SECONDS
        if self.now < due:
            self.wakes.append(due)
            return
        returned = replace(
            target,
            rollout=RolloutState.IN_PROGRESS,
            reason=events.in_progress(target.id),
            updated_at=self.now,
            failed_tasks=0,
            retry_at=0,
            returned_for=failed.id,
        )
        others = tuple(one for one in self.service.deployments if one.id != target.id)
        self.service = replace(
            self.service,
            deployments=(returned, *others),
            task_definition=target.task_definition,
            steady=False,
        )
        self.messages.append(events.rolling_back(self.service.name, target.id))

    def replace_old_by_new(self) -> None:
        """Start what is missing, stop what is too much, within the bounds of the deployment's percentages."""
        primary = self.service.primary
        new = self.wanted(primary.id)
        if len(new) > self.service.desired_count:
            for task in self.least_useful_first(new)[: len(new) - self.service.desired_count]:
                self.stop(task, events.stopped_by(primary.id))
        # The new version goes first, until it has failed: then the old one's place is held first.
        if primary.failed_tasks == 0:
            self.start_new()
            self.hold()
        else:
            self.hold()
            self.start_new()
        if primary.rollout is not RolloutState.FAILED:
            self.stop_old()

    def start_new(self) -> None:
        primary = self.service.primary
        missing = self.missing()
        if missing and primary.retry_at > self.now:
            self.wakes.append(primary.retry_at)
        elif missing and self.room() > 0:
            self.start(primary.id, min(missing, self.room()))

    def hold(self) -> None:
        """Replace tasks of the last good deployment that have ended while a newer one is not there yet."""
        good, primary = self.service.last_completed, self.service.primary
        if good is None or good.id == primary.id:
            return
        current = self.deployment(good.id)
        if current is None:
            return
        failed = primary.rollout is RolloutState.FAILED
        wanted = self.service.desired_count if failed else fewest_and_most(self.service)[0]
        missing = wanted - len(self.old()) - sum(map(self.ready, self.wanted(primary.id)))
        if missing > 0 and current.retry_at > self.now:
            self.wakes.append(current.retry_at)
        elif missing > 0 and self.room() > 0:
            self.start(good.id, min(missing, self.room()))

    def stop_old(self) -> None:
        """An old task that serves leaves for a new one that serves, or to make room for it; one that does not
        serve leaves for the new one's first try."""
        primary, desired = self.service.primary, self.service.desired_count
        fewest, most = fewest_and_most(self.service)
        blocked = self.missing() > 0 and self.room() <= 0
        all_new_ready = sum(map(self.ready, self.wanted(primary.id))) >= desired
        for task in self.least_useful_first(self.old()):
            if self.ready(task):
                healthy = sum(map(self.ready, self.wanted()))
                leaves = healthy - 1 >= fewest and (all_new_ready or blocked or healthy > desired)
            else:
                leaves = all_new_ready or (blocked and primary.failed_tasks == 0)
            if leaves:
                self.stop(task, events.stopped_by(primary.id))
        if blocked and fewest >= most and all(map(self.ready, self.old())):
            self.tell_once(events.no_room(self.service.name, fewest, most))

    def complete(self) -> None:
        service, primary = self.service, self.service.primary
        present = [task for task in self.tasks.values() if task.last_status is not TaskStatus.STOPPED]
        settled = (
            len(present) == service.desired_count
            and all(task.started_by == primary.id for task in present)
            and all(map(self.ready, present))
        )
        if not settled or primary.rollout is RolloutState.FAILED:
            return
        if primary.rollout is RolloutState.IN_PROGRESS:
            done = replace(
                primary,
                rollout=RolloutState.COMPLETED,
                reason=events.completed(primary.id),
                updated_at=self.now,
                finished_at=self.now,
            )
            self.put(done)
            self.service = replace(self.service, last_completed=done)
            self.messages.append(events.deployment_completed(service.name, primary.id))
        if not self.service.steady:
            self.service = replace(self.service, steady=True)
            self.messages.append(events.steady(service.name))

    def forget_what_is_over(self) -> None:
        """A deployment that is not the PRIMARY is listed as long as it has tasks, or has to hold the line."""
        service = self.service
        good = service.last_completed
        holding = good.id if good and service.primary.rollout is not RolloutState.COMPLETED else None
        present = {
            task.started_by for task in self.tasks.values() if task.last_status is not TaskStatus.STOPPED
        }
        kept = [service.primary]
        over: list[Deployment] = []
        for deployment in service.deployments[1:]:
            (kept if deployment.id in present or deployment.id == holding else over).append(deployment)
        if over:
            ended = [one if one.finished_at else replace(one, finished_at=self.now) for one in over]
            self.service = replace(
                service, deployments=tuple(kept), history=(*ended, *service.history)[:HISTORY_LENGTH]
            )

    # What the steps are made of.

    def deployment(self, deployment_id: str) -> Deployment | None:
        return next((one for one in self.service.deployments if one.id == deployment_id), None)

    def put(self, deployment: Deployment) -> None:
        self.service = replace(
            self.service,
            deployments=tuple(
                deployment if one.id == deployment.id else one for one in self.service.deployments
            ),
        )

    def change(self, task: Task) -> None:
        if task != self.tasks[task.arn]:
            self.tasks[task.arn] = self.changed[task.arn] = task

    def wanted(self, deployment_id: str | None = None) -> list[Task]:
        return [
            task
            for task in self.tasks.values()
            if task.is_wanted
            and task.last_status is not TaskStatus.STOPPED
            and deployment_id in (None, task.started_by)
        ]

    def occupying(self) -> int:
        """Tasks that count against the maximum: starting, running, or still stopping. One that only finishes
        its requests does not, as on AWS; one that stops does, since its volume may still be in use."""
        return sum(
            task.last_status not in (TaskStatus.STOPPED, TaskStatus.DEACTIVATING)
            for task in self.tasks.values()
        ) + sum(start.count for start in self.starts)

    def room(self) -> int:
        """How many more tasks may be started now."""
        return fewest_and_most(self.service)[1] - self.occupying()

    def missing(self) -> int:
        """How many tasks the PRIMARY deployment has to start yet."""
        primary = self.service.primary
        if primary.rollout is RolloutState.FAILED:
            return 0
        begun = sum(start.count for start in self.starts if start.deployment == primary.id)
        return max(0, self.service.desired_count - len(self.wanted(primary.id)) - begun)

    def old(self) -> list[Task]:
        return [task for task in self.wanted() if task.started_by != self.service.primary.id]

    def tell_once(self, message: str) -> None:
        """Once per deployment."""
        since = self.service.primary.created_at
        if not any(event.message == message and event.created_at >= since for event in self.service.events):
            self.messages.append(message)

    def ready(self, task: Task) -> bool:
        return is_ready(self.service, task, self.now)

    def least_useful_first(self, tasks: Sequence[Task]) -> list[Task]:
        return sorted(tasks, key=lambda task: (self.ready(task), -task.created_at))

    def start(self, deployment_id: str, count: int) -> None:
        self.starts.append(StartTasks(deployment_id, count))
        self.service = replace(self.service, steady=False)

    def stop(self, task: Task, reason: str, *, failed: bool = False) -> None:
        self.stops.append(StopTask(task.arn, reason, failed))
        # The steps that follow must see that it is on its way out; the record itself changes when it is told.
        self.tasks[task.arn] = replace(task, desired_status=TaskStatus.STOPPED)
        self.service = replace(self.service, steady=False)
