"""One task from PROVISIONING to STOPPED: pull, start, watch, drain, stop, remove. The order of steps only;
what they are made of is in containers.py, checks.py and the load balancer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import aiodocker
import aiohttp
import httpx
from aiodocker.containers import DockerContainer
from aiodocker.volumes import DockerVolume

from shipline.engine.client import translated
from shipline.engine.images import Credentials, PulledImage, find_image, pull_image
from shipline.engine.labels import labels
from shipline.errors import EngineError, EngineUnavailable
from shipline.local_aws.ecs import checks, events
from shipline.local_aws.ecs.containers import (
    ROLE,
    ContainerCheck,
    ContainerSpec,
    Ground,
    container_name,
    scratch_volumes,
    shared_volumes,
    specs,
)
from shipline.local_aws.ecs.values import Container, Health, Target, Task, TaskDefinition, TaskStatus
from shipline.local_aws.elb.values import TargetGroup
from shipline.protocols.image_reference import parse_image_reference

PULL_SECONDS = 900.0
LAST_LINES = 5
SIGKILL_EXIT = 137


class LoadBalancer(Protocol):
    """What a task needs of it."""

    async def add(self, group: TargetGroup, name: str, address: str, port: int) -> None: ...

    async def drain(self, group: TargetGroup, name: str) -> None:
        """Returns when it has no more requests, or its deregistration delay is over."""

    async def remove(self, group: TargetGroup, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all tasks share. `credentials(registry)` for pulls; `aliases` as in engine.images."""

    docker: aiodocker.Docker
    ground: Ground
    aliases: Mapping[str, str]
    credentials: Callable[[str], Credentials | None]
    balancer: LoadBalancer
    http: httpx.AsyncClient


class _Failure(Exception):
    """The task cannot start or has to end, and is to blame."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass
class TaskRun:
    """`report` is called with the task's record whenever it changes; `tell` with the text of an event.
    `resolved` maps image names to what the deployment's first task found under them, and is added to."""

    task: Task
    definition: TaskDefinition
    around: Surroundings
    network_aliases: Sequence[str]
    targets: Sequence[tuple[TargetGroup, Target]]
    resolved: dict[str, str]
    report: Callable[[Task], None]
    tell: Callable[[str], None]
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _specs: tuple[ContainerSpec, ...] = ()
    _registered: list[tuple[TargetGroup, str]] = field(default_factory=list)

    def stop(self, code: str, reason: str, *, failed: bool = False) -> None:
        """Ask it to end, and write down why. The first reason stays."""
        self._mark_ending(code, reason, failed=failed)
        self._stop.set()

    def amend(self, task: Task) -> None:
        """The service's scheduler has noted something in the record."""
        self.task = task

    async def run(self) -> None:
        """Returns when the task is STOPPED and nothing of it is left."""
        try:
            await self._live()
        except _Failure as failure:
            self._mark_ending(failure.code, failure.reason, failed=True)
        except EngineUnavailable as error:
            self._mark_ending("InfrastructureHealth", str(error), failed=True)
        except EngineError as error:
            self._mark_ending("TaskFailedToStart", f"CannotStartContainerError: {error}", failed=True)
        await self._end()

    # Up.

    async def _live(self) -> None:
        self._specs = specs(self.task, self.definition, self.around.ground, self.network_aliases)
        self._change(last_status=TaskStatus.PENDING, pull_started_at=time.time())
        images = await self._unless_stopped(self._pull())
        if images is None:
            return
        self._change(pull_stopped_at=time.time())
        await self._start(images)
        self._change(last_status=TaskStatus.ACTIVATING)
        self._change(last_status=TaskStatus.RUNNING, started_at=time.time())
        await self._watch()

    async def _pull(self) -> list[PulledImage]:
        async with asyncio.timeout(PULL_SECONDS):
            return [await self._image(spec.image) for spec in self._specs]

    async def _image(self, name: str) -> PulledImage:
        """The image as the deployment's first task found it; a tag that is pushed to meanwhile changes
        nothing. An image without registry that the engine holds is used when there is nothing to pull."""
        docker, aliases = self.around.docker, self.around.aliases
        wanted = self.resolved.get(name, name)
        if wanted != name and (found := await find_image(docker, wanted, aliases)):
            return found
        registry = parse_image_reference(name).registry
        try:
            image = await pull_image(
                docker, wanted, aliases=aliases, credentials=self.around.credentials(registry)
            )
        except EngineUnavailable:
            raise
        except EngineError as error:
            held = None if registry in aliases else await find_image(docker, wanted, aliases)
            if held is None:
                raise _Failure("TaskFailedToStart", f"CannotPullContainerError: {error}") from error
            image = held
        if image.digest and wanted == name:
            reference = parse_image_reference(name)
            self.resolved[name] = f"{reference.registry}/{reference.repository}@{image.digest}"
        return image

    async def _start(self, images: Sequence[PulledImage]) -> None:
        docker = self.around.docker
        for volume in shared_volumes(self.definition):
            await asyncio.to_thread(_make_folder, str(self.around.ground.volumes / volume))
        async with translated("starting the task"):
            marks = labels(self.around.ground.owner, ROLE, {"task.arn": self.task.arn})
            for volume in scratch_volumes(self.task, self.definition, self.around.ground):
                await docker.volumes.create({"Name": volume, "Labels": marks})
            for spec, image in zip(self._specs, images, strict=True):
                container = await docker.containers.create(
                    {**spec.document, "Image": image.id},
                    name=self._name(spec),
                )
                self._put(
                    Container(spec.name, spec.image, image.digest or "", container.id, TaskStatus.PENDING)
                )
                await container.start()
                details = await container.show()
                self._put(
                    replace(
                        self._container(spec.name),
                        last_status=TaskStatus.RUNNING,
                        address=_address(details) or self._address(),
                    )
                )

    # While it runs.

    async def _watch(self) -> None:
        """Until it is to stop, or an essential container has ended."""
        watchers: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._stop.wait())]
        watchers += [asyncio.ensure_future(self._exit(spec)) for spec in self._specs if spec.essential]
        checkers = [
            asyncio.ensure_future(self._check_container(spec, spec.check))
            for spec in self._specs
            if spec.check
        ]
        checkers += [asyncio.ensure_future(self._check_target(group, at)) for group, at in self.targets]
        try:
            done, _ = await asyncio.wait([*watchers, *checkers], return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in (*watchers, *checkers):
                one.cancel()
            await asyncio.gather(*watchers, *checkers, return_exceptions=True)
        if not self._stop.is_set():
            raise _Failure("EssentialContainerExited", events.ESSENTIAL_EXITED)

    async def _exit(self, spec: ContainerSpec) -> None:
        container = self._handle(spec)
        while True:
            async with translated(f"waiting for container {spec.name}"):
                with contextlib.suppress(TimeoutError):
                    await container.wait(timeout=3600)
                    return

    async def _check_container(self, spec: ContainerSpec, check: ContainerCheck) -> None:
        state = checks.CheckState(begun_at=time.time())
        while True:
            failure = await self._probe(spec, check)
            state = checks.observed(check.rule, state, failure, time.time())
            if state.health is not self._container(spec.name).health:
                self._put(replace(self._container(spec.name), health=state.health))
                self._change(health=_overall(self._specs, self.task.containers))
            await asyncio.sleep(max(0, checks.next_check(check.rule, state) - time.time()))

    async def _probe(self, spec: ContainerSpec, check: ContainerCheck) -> str | None:
        try:
            async with asyncio.timeout(check.rule.timeout):
                run = await self._handle(spec).exec(list(check.command), stdout=True, stderr=True)
                async with run.start(detach=False) as stream:
                    while await stream.read_out() is not None:
                        pass
                code = (await run.inspect())["ExitCode"]
        except TimeoutError:
            return "timed out"
        except (aiodocker.DockerError, aiohttp.ClientError, OSError) as error:
            return str(error)
        return None if code == 0 else f"exit code {code}"

    async def _check_target(self, group: TargetGroup, target: Target) -> None:
        """Its first success registers the target with the load balancer."""
        rule = checks.CheckRule(
            interval=group.health_check.interval,
            timeout=group.health_check.timeout,
            failures=group.health_check.unhealthy_threshold,
            successes=group.health_check.healthy_threshold,
        )
        state = checks.CheckState(begun_at=time.time())
        address = self._address()
        url = f"http://{address}:{target.port}{group.health_check.path}"
        name = f"task-{self.task.id[:12]}"
        while True:
            failure = await _ask(self.around.http, url, rule.timeout, group)
            state = checks.observed(rule, state, failure, time.time())
            if state.health is not self.task.target_health:
                if state.health is Health.HEALTHY:
                    await self.around.balancer.add(group, name, address, target.port)
                    self._registered.append((group, name))
                    self.tell(events.registered(self._service_name(), group.arn))
                elif (group, name) in self._registered:
                    await self.around.balancer.remove(group, name)
                    self._registered.remove((group, name))
                self._change(target_health=state.health, target_reason=state.reason)
            await asyncio.sleep(max(0, checks.next_check(rule, state) - time.time()))

    # Down.

    async def _end(self) -> None:
        if self.task.desired_status is TaskStatus.RUNNING:
            self._change(desired_status=TaskStatus.STOPPED)
        if self._registered:
            self._change(last_status=TaskStatus.DEACTIVATING)
            await self._deregister()
        self._change(last_status=TaskStatus.STOPPING)
        try:
            async with translated("stopping the task"):
                for spec in reversed(self._specs):
                    await self._end_container(spec)
                self._change(last_status=TaskStatus.DEPROVISIONING)
                await self._remove()
        except EngineError as error:
            # What is left is found by its label at the next start.
            self._change(stopped_reason=self.task.stopped_reason or str(error))
        self._change(
            last_status=TaskStatus.STOPPED,
            stopped_at=time.time(),
            health=Health.UNKNOWN,
            target_health=Health.UNKNOWN,
        )

    async def _deregister(self) -> None:
        service = self._service_name()
        if not self.task.failed:
            self.tell(events.draining(service, [self.task.id]))
        for group, name in self._registered:
            if self.task.failed:
                await self.around.balancer.remove(group, name)
            else:
                await self.around.balancer.drain(group, name)
            self.tell(events.deregistered(service, group.arn))
        self._registered.clear()

    async def _end_container(self, spec: ContainerSpec) -> None:
        if not any(container.name == spec.name for container in self.task.containers):
            return
        handle = self._handle(spec)
        try:
            await handle.stop(t=int(spec.stop_seconds), timeout=spec.stop_seconds + 30)
            details = await handle.show()
        except aiodocker.DockerError as error:
            if error.status != 404:
                raise
            return
        state = details["State"]
        code = int(state["ExitCode"])
        reason = str(state.get("Error") or "")
        if state.get("OOMKilled"):
            reason = "OutOfMemoryError: Container killed due to memory usage"
        if self.task.failed and spec.essential and not self.task.last_words:
            self._change(last_words=await _last_words(handle))
        self._put(
            replace(
                self._container(spec.name),
                last_status=TaskStatus.STOPPED,
                exit_code=code,
                reason=reason or self._container(spec.name).reason,
                health=Health.UNKNOWN,
            )
        )

    async def _remove(self) -> None:
        docker = self.around.docker
        for spec in reversed(self._specs):
            with contextlib.suppress(aiodocker.DockerError):
                await self._handle(spec).delete(force=True, v=True)
        for volume in scratch_volumes(self.task, self.definition, self.around.ground):
            with contextlib.suppress(aiodocker.DockerError):
                await DockerVolume(docker, volume).delete()

    # Small things.

    async def _unless_stopped(self, work: Awaitable[Any]) -> Any:
        """The work's result, or None when the task is told to stop before it is there."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        except TimeoutError as error:
            raise _Failure(
                "TaskFailedToStart", f"CannotPullContainerError: no image after {PULL_SECONDS:.0f} s"
            ) from error
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    def _mark_ending(self, code: str, reason: str, *, failed: bool) -> None:
        if self.task.is_wanted:
            self._change(
                desired_status=TaskStatus.STOPPED,
                stop_code=code,
                stopped_reason=reason,
                failed=failed,
                stopping_at=time.time(),
            )

    def _change(self, **changes: Any) -> None:
        self.task = replace(self.task, **changes)
        self.report(self.task)

    def _put(self, container: Container) -> None:
        others = tuple(one for one in self.task.containers if one.name != container.name)
        order = [spec.name for spec in self._specs]
        both = sorted((*others, container), key=lambda one: order.index(one.name))
        self._change(containers=tuple(both))

    def _container(self, name: str) -> Container:
        return next(one for one in self.task.containers if one.name == name)

    def _handle(self, spec: ContainerSpec) -> DockerContainer:
        return self.around.docker.containers.container(self._name(spec))

    def _name(self, spec: ContainerSpec) -> str:
        return container_name(self.around.ground, self.task, spec.name)

    def _address(self) -> str:
        return next((one.address for one in self.task.containers if one.address), "")

    def _service_name(self) -> str:
        return self.task.service.rpartition("/")[2]


def _overall(wanted: Sequence[ContainerSpec], containers: Sequence[Container]) -> Health:
    """The task's health: that of its essential containers with a check."""
    checked = {spec.name for spec in wanted if spec.check and spec.essential}
    found = {container.health for container in containers if container.name in checked}
    if Health.UNHEALTHY in found:
        return Health.UNHEALTHY
    return Health.HEALTHY if found == {Health.HEALTHY} else Health.UNKNOWN


async def _ask(client: httpx.AsyncClient, url: str, timeout_seconds: float, group: TargetGroup) -> str | None:
    try:
        answer = await client.get(url, timeout=timeout_seconds)
    except httpx.TimeoutException:
        return "Request timed out"
    except httpx.HTTPError as error:
        return f"Health checks failed: {error or type(error).__name__}"
    if group.health_check.accepts(answer.status_code):
        return None
    return f"Health checks failed with these codes: [{answer.status_code}]"


def _address(details: Mapping[str, Any]) -> str:
    networks = details["NetworkSettings"]["Networks"] or {}
    return next((one["IPAddress"] for one in networks.values() if one.get("IPAddress")), "")


async def _last_words(container: DockerContainer) -> str:
    """The last line of its log that is not empty."""
    try:
        lines = await container.log(stdout=True, stderr=True, tail=LAST_LINES)
    except aiodocker.DockerError:
        return ""
    said = [line.strip() for line in "".join(lines).splitlines() if line.strip()]
    return said[-1] if said else ""


def _make_folder(path: str) -> None:
    Path(path).mkdir(parents=True, exist_ok=True)
