"""Observe, plan, apply: keeps every service as its record says, and runs tasks that belong to none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from shipline.local_aws.arns import Arns
from shipline.local_aws.ecs import events
from shipline.local_aws.ecs.plan import Plan, StartTasks, plan
from shipline.local_aws.ecs.task_run import Surroundings, TaskRun
from shipline.local_aws.ecs.values import Document, Event, Health, Service, Target, Task, TaskStatus
from shipline.local_aws.elb.values import TargetGroup
from shipline.local_aws.store import Store

EVENTS_KEPT = 100
STOPPED_TASKS_KEPT = 500
RESTARTED = "The local endpoint was restarted"
SHUTTING_DOWN_SECONDS = 10.0
log = logging.getLogger(__name__)


@dataclass
class Scheduler:
    """Everything happens in one event loop; `new_id()` gives 32 hexadecimal digits."""

    store: Store
    around: Surroundings
    arns: Arns
    clock: Callable[[], float]
    new_id: Callable[[], str]
    _runs: dict[str, tuple[TaskRun, asyncio.Task[None]]] = field(default_factory=dict)
    _due: dict[str, asyncio.TimerHandle | asyncio.Handle] = field(default_factory=dict)
    _ending: bool = False

    # From outside.

    def begin(self) -> None:
        """Tasks of an earlier process have ended with it; their services start anew."""
        for task in self.store.tasks:
            if task.last_status is not TaskStatus.STOPPED:
                self._save(
                    replace(
                        task,
                        last_status=TaskStatus.STOPPED,
                        desired_status=TaskStatus.STOPPED,
                        health=Health.UNKNOWN,
                        target_health=Health.UNKNOWN,
                        stop_code=task.stop_code or "ServiceSchedulerInitiated",
                        stopped_reason=task.stopped_reason or RESTARTED,
                        stopped_at=self.clock(),
                    )
                )
        for service in self.store.services:
            self.look_at(service.arn)

    async def end(self) -> None:
        """Stop all tasks' containers; the records stay as they are, for the next start."""
        self._ending = True
        for handle in self._due.values():
            handle.cancel()
        running = [run for _, run in self._runs.values()]
        for run in running:
            run.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def look_at(self, service_arn: str, at: float | None = None) -> None:
        """Plan the service's next steps soon, or at a time (seconds since the epoch)."""
        if self._ending:
            return
        loop = asyncio.get_running_loop()
        if (handle := self._due.pop(service_arn, None)) is not None:
            handle.cancel()
        if at is None:
            self._due[service_arn] = loop.call_soon(self._step, service_arn)
        else:
            delay = max(0.0, at - self.clock())
            self._due[service_arn] = loop.call_later(delay, self._step, service_arn)

    def run_task(self, task: Task, aliases: Sequence[str] = ()) -> None:
        """Start a task; its record is kept up to date from now on."""
        self._save(task)
        definition = self.store.task_definitions.get(task.task_definition)
        assert definition is not None
        service = self.store.services.get(task.service)
        run = TaskRun(
            task,
            definition,
            self.around,
            aliases,
            self._targets(service.targets) if service else (),
            self._resolved(service, task),
            self._report,
            lambda message: self._tell(task.service, [message]),
        )
        working = asyncio.ensure_future(run.run())
        self._runs[task.arn] = (run, working)
        working.add_done_callback(lambda done: self._ended(task.arn, done))

    def stop_task(self, arn: str, code: str, reason: str, *, failed: bool = False) -> None:
        if found := self._runs.get(arn):
            found[0].stop(code, reason, failed=failed)

    # Observe, plan, apply.

    def _step(self, service_arn: str) -> None:
        self._due.pop(service_arn, None)
        service = self.store.services.get(service_arn)
        if service is None:
            return
        tasks = [task for task in self.store.tasks if task.service == service_arn and not task.accounted]
        self._apply(plan(service, tasks, self.clock()))

    def _apply(self, decided: Plan) -> None:
        service = decided.service
        if service != self.store.services.get(service.arn):
            self.store.services.put(service.arn, service)
        for task in decided.tasks:
            self._save(task)
            if found := self._runs.get(task.arn):
                found[0].amend(task)
        self._tell(service.arn, decided.events)
        for stop in decided.stop:
            self.stop_task(stop.task, "ServiceSchedulerInitiated", stop.reason, failed=stop.failed)
        if decided.stop:
            self._tell(service.arn, [events.stopped(service.name, [_id(stop.task) for stop in decided.stop])])
        for start in decided.start:
            self._start(service, start)
        if decided.wake_at is not None and service.arn not in self._due:
            self.look_at(service.arn, decided.wake_at)

    def _start(self, service: Service, start: StartTasks) -> None:
        deployment = next(one for one in service.deployments if one.id == start.deployment)
        cluster = service.cluster.rpartition("/")[2]
        tasks = [
            Task(
                arn=self.arns.task(cluster, self.new_id()),
                cluster=service.cluster,
                task_definition=deployment.task_definition,
                group=f"service:{service.name}",
                created_at=self.clock(),
                started_by=deployment.id,
                service=service.arn,
            )
            for _ in range(start.count)
        ]
        self._tell(service.arn, [events.started(service.name, [task.id for task in tasks])])
        for task in tasks:
            self.run_task(task, _aliases(service.document))

    # Keeping the records.

    def _report(self, task: Task) -> None:
        self._save(task)
        if task.service:
            self.look_at(task.service)

    def _save(self, task: Task) -> None:
        self.store.tasks.put(task.arn, task)
        if task.last_status is TaskStatus.STOPPED:
            over = [one for one in self.store.tasks if one.last_status is TaskStatus.STOPPED]
            for one in sorted(over, key=lambda one: one.stopped_at)[: max(0, len(over) - STOPPED_TASKS_KEPT)]:
                self.store.tasks.delete(one.arn)

    def _tell(self, service_arn: str, messages: Sequence[str]) -> None:
        service = self.store.services.get(service_arn)
        if service is None or not messages:
            return
        new = tuple(Event(self.new_id(), self.clock(), message) for message in reversed(messages))
        kept = replace(service, events=(*new, *service.events)[:EVENTS_KEPT])
        self.store.services.put(service_arn, kept)

    def _ended(self, arn: str, done: asyncio.Task[None]) -> None:
        self._runs.pop(arn, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("task %s: %r", arn, error, exc_info=error)
            task = self.store.tasks.get(arn)
            if task is not None:
                now = self.clock()
                ended = replace(
                    task,
                    last_status=TaskStatus.STOPPED,
                    desired_status=TaskStatus.STOPPED,
                    stop_code="InfrastructureHealth",
                    stopped_reason=f"{type(error).__name__}: {error}",
                    stopped_at=now,
                    failed=True,
                )
                self._report(ended)

    def _targets(self, targets: Sequence[Target]) -> list[tuple[TargetGroup, Target]]:
        found = ((self.store.target_groups.get(target.group), target) for target in targets)
        return [(group, target) for group, target in found if group is not None]

    def _resolved(self, service: Service | None, task: Task) -> dict[str, str]:
        """The deployment's own record of what its tags were; changed in place by its first task, and saved
        with every report that follows."""
        if service is None:
            return {}
        return next((one.images for one in service.deployments if one.id == task.started_by), {})


def _aliases(document: Document) -> list[str]:
    """The names under which Service Connect makes a service known."""
    connect = document.get("serviceConnectConfiguration") or {}
    return [
        alias["dnsName"]
        for one in connect.get("services", [])
        for alias in one.get("clientAliases", [])
        if alias.get("dnsName")
    ]


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]
